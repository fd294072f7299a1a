"""The moment by which the whole request of this thread must be finished.

The connection pool hands each read its own time-out, which a server sending one byte now and then never meets.
The socket layer asks here instead, so that all waits of one request share one budget.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float] = ContextVar("http_deadline")


class DeadlinePassed(TimeoutError):
    """There is no time left."""


@contextmanager
def deadline_in(seconds: float) -> Iterator[None]:
    """Give everything inside the block this many seconds in all."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float:
    """What remains of the budget, always more than nothing.

    Raises:
        DeadlinePassed
    """
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise DeadlinePassed
    return left
