"""A closed loop: as many new jobs as keep a constant number open, for a given time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

_PRODUCERS = 4
_OPEN = 200
_POLL_S = 0.05
_WARM_UP_S = 1.0


class ClosedLoop:
    """Starts jobs from a few threads; `unfinished` counts those that have not ended."""

    def __init__(self, start: Callable[[], object], unfinished: Callable[[], int]) -> None:
        self._start = start
        self._unfinished = unfinished
        self._started = [0] * _PRODUCERS
        self._open = 0
        self._stop = threading.Event()

    def rate(self, seconds: float) -> float:
        """Jobs finished per second, after a short warm-up. Returns when all have ended."""
        with ThreadPoolExecutor(_PRODUCERS) as pool:
            producers = [pool.submit(self._produce, index) for index in range(_PRODUCERS)]
            try:
                self._watch(_WARM_UP_S)
                began, before = time.perf_counter(), self._finished()
                self._watch(seconds)
                rate = (self._finished() - before) / (time.perf_counter() - began)
            finally:
                self._stop.set()
        for producer in producers:
            producer.result()
        while self._unfinished():
            time.sleep(_POLL_S)
        return rate

    def _produce(self, index: int) -> None:
        try:
            while not self._stop.is_set():
                if self._open > _OPEN:
                    time.sleep(_POLL_S / 5)
                    continue
                self._start()
                self._started[index] += 1
        finally:
            connection.close()

    def _watch(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._open = self._unfinished()
            time.sleep(_POLL_S)

    def _finished(self) -> int:
        started = sum(self._started)
        return started - self._unfinished()


def started_by_threads(start: Callable[[], object], count: int, behind: Callable[[], int]) -> None:
    """Start so many jobs from a few threads, waiting whenever too many of them have not been looked at yet."""
    go_on = threading.Event()
    with ThreadPoolExecutor(_PRODUCERS) as pool:
        futures = [pool.submit(_start_many, start, count // _PRODUCERS, go_on) for _ in range(_PRODUCERS)]
        while not all(future.done() for future in futures):
            if behind() < _OPEN:
                go_on.set()
            else:
                go_on.clear()
            time.sleep(_POLL_S)
        for future in futures:
            future.result()
    while behind():
        time.sleep(_POLL_S)


def _start_many(start: Callable[[], object], count: int, go_on: threading.Event) -> None:
    try:
        for _ in range(count):
            go_on.wait()
            start()
    finally:
        connection.close()
