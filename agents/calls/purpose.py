"""Which effect or response a call is made for, beside whom it is accounted to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from julep_project.core.json_value import Json


@dataclass(frozen=True, slots=True)
class Purpose:
    """`key` is the same for all attempts of one effect, `attempt` the number of this one. `context` is what the
    messages to a model are made of, in few words: numbers and ids. `branch_id`: the branch that waits for it;
    `begun`: the run that the effect has begun, if that is known; `about`: the user with whom what it
    begins is erased."""

    key: str | None = None
    attempt: int = 1
    response_id: UUID | None = None
    context: Mapping[str, Json] | None = None
    branch_id: UUID | None = None
    begun: UUID | None = None
    about: UUID | None = None


_NOTHING = Purpose()
_current: ContextVar[Purpose] = ContextVar("purpose", default=_NOTHING)


@contextmanager
def calling_for(**known: Any) -> Iterator[None]:
    """Let calls of the block be known by this, and by what was said around it where nothing is said here."""
    token = _current.set(replace(_current.get(), **known))
    try:
        yield
    finally:
        _current.reset(token)


def current_purpose() -> Purpose:
    return _current.get()
