"""Whether anybody still waits for the call that is under way: what takes long can be ended when nobody does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LOOK_EVERY_S = 5.0

_is_wanted: ContextVar[Callable[[], bool] | None] = ContextVar("is_wanted", default=None)


@contextmanager
def wanted_while(is_wanted: Callable[[], bool]) -> Iterator[None]:
    """Let calls of the block ask this now and then. It may use the database, and gives its connection back."""
    token = _is_wanted.set(is_wanted)
    try:
        yield
    finally:
        _is_wanted.reset(token)


def still_wanted() -> bool:
    """Whether the result of the call under way will be taken; yes if nobody said how to find out."""
    is_wanted = _is_wanted.get()
    return is_wanted is None or is_wanted()
