"""Who does what is being done: for the audit log, the ledger of costs and limits of rates."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """What kind of actor. `INTERNAL` holds the operator's own key, `SYSTEM` is upkeep that nobody asked for."""

    KEY = "key"
    TOKEN = "token"
    INTERNAL = "internal"
    STAFF = "staff"
    LINK = "link"
    HOOK = "hook"
    RUN = "run"
    SCHEDULE = "schedule"
    COMMAND = "command"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is that of the API key, the developer of a token, the staff user, the link to answer a wait by, the hook,
    the execution or the schedule; `label` is for people; `address` is where a request came from."""

    kind: ActorKind
    id: str = ""
    label: str = ""
    address: str = ""


SYSTEM = Actor(ActorKind.SYSTEM)

_current: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def current_actor() -> Actor:
    """Who acts here. Threads and Celery tasks that were not told begin as `SYSTEM`."""
    return _current.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Let the actor be this one for the length of the block."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


def act_as(actor: Actor) -> None:
    """Let the actor be this one for the rest of the block of `acting_as` around this, or of the task of the event
    loop."""
    _current.set(actor)
