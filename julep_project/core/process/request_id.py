"""The id of the request that led here: of an API request, and of messages that were sent while it was served."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Empty where no request led here."""
    return _current.get()


@contextmanager
def serving_request(request_id: str) -> Iterator[None]:
    """Let what the block logs and sends name this request."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


def set_request_id(request_id: str) -> None:
    """The same for threads that do one thing after the other; empty when it is done."""
    _current.set(request_id)
