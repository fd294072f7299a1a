"""The id of the request that is served, for whatever is written about it."""

from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id that its answer carries; empty outside of requests."""
    return _current.get()


def begin_request(request_id: str) -> None:
    """From here on this request is served, until its context ends or the thread begins another."""
    _current.set(request_id)
