"""What log lines say of where they were written, without being told each time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from julep_project.core.process.request_id import current_request_id
from julep_project.core.tenancy import current_scope

Fields = Mapping[str, object]

_said: ContextVar[Fields] = ContextVar("said", default=MappingProxyType({}))
_sources: list[Callable[[], Fields]] = []


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Let what the block logs say this too. For what no other context variable knows."""
    token = _said.set({**_said.get(), **fields})
    try:
        yield
    finally:
        _said.reset(token)


def add_source(source: Callable[[], Fields]) -> None:
    """Let all log lines say what this gives where they are written. It must be quick, and must not log."""
    if source not in _sources:
        _sources.append(source)


def known_here() -> dict[str, object]:
    """The request and the developer that led here, what the sources know, and what was said."""
    found: dict[str, object] = {}
    if request_id := current_request_id():
        found["request_id"] = request_id
    scope = current_scope()
    if scope is not None and scope.developer_id is not None:
        found["developer_id"] = scope.developer_id
    for source in _sources:
        found.update(source())
    found.update(_said.get())
    return found
