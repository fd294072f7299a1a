"""A closed loop: as many new jobs as keep a constant number open."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection

_PRODUCERS = 4
_OPEN = 200
_POLL_S = 0.05
_WARM_UP_S = 1.0
_STALLED_S = 300.0


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
        with self._producing(math.inf):
            self._watch_for(_WARM_UP_S)
            began, before = time.perf_counter(), self._finished()
            self._watch_for(seconds)
            return (self._finished() - before) / (time.perf_counter() - began)

    def run(self, count: int) -> None:
        """Start so many jobs. Returns when all have ended."""
        with self._producing(count // _PRODUCERS) as producers:
            self._watch(lambda: all(producer.done() for producer in producers))

    @contextmanager
    def _producing(self, each: float) -> Iterator[list["Future[None]"]]:
        with ThreadPoolExecutor(_PRODUCERS) as pool:
            producers = [pool.submit(self._produce, index, each) for index in range(_PRODUCERS)]
            try:
                yield producers
            finally:
                self._stop.set()
        for producer in producers:
            producer.result()
        self._wait_for_the_rest()

    def _wait_for_the_rest(self) -> None:
        """Until all have ended.

        Raises:
            RuntimeError: none of them has for minutes.
        """
        least, moved_at = self._unfinished(), time.monotonic()
        while least:
            time.sleep(_POLL_S)
            left = self._unfinished()
            if left < least:
                least, moved_at = left, time.monotonic()
            elif time.monotonic() - moved_at > _STALLED_S:
                raise RuntimeError(f"{left} jobs have not ended, and none has for {_STALLED_S:g} s")

    def _produce(self, index: int, most: float) -> None:
        try:
            while self._started[index] < most and not self._stop.is_set():
                if self._open > _OPEN:
                    time.sleep(_POLL_S / 5)
                    continue
                self._start()
                self._started[index] += 1
        finally:
            connection.close()

    def _watch_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._watch(lambda: time.monotonic() >= deadline)

    def _watch(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            self._open = self._unfinished()
            time.sleep(_POLL_S)

    def _finished(self) -> int:
        started = sum(self._started)
        return started - self._unfinished()
