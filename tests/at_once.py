"""Requests at the same instant, each on a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection

THREADS = 6


def statuses_at_once(request: Callable[[int], Any]) -> list[int]:
    """Statuses of the same request, given its number, from several threads that start together."""
    barrier = Barrier(THREADS)

    def run(number: int) -> int:
        try:
            barrier.wait(10)
            return int(request(number).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return sorted(pool.map(run, range(THREADS)))
