"""What a call of a model is for. Whoever acts for an agent, a session or a run says so, and calls made meanwhile carry
it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any, Self
from uuid import UUID

from agents.models import Agent
from julep_project.core.actor import ActorKind, current_actor
from julep_project.core.telemetry.context import add_source


@dataclass(frozen=True, slots=True)
class Attribution:
    """Ids of what a call is for, as far as there is such a thing, and of the API key it was asked for with.

    `counts_for` are the runs and sessions whose calls led to the run: what is spent for it counts in their limits, too.
    The same for all calls of a run.
    """

    project_id: UUID | None = None
    agent_id: UUID | None = None
    task_id: UUID | None = None
    session_id: UUID | None = None
    execution_id: UUID | None = None
    key_id: UUID | None = None
    counts_for: tuple[UUID, ...] = ()

    @property
    def led_here(self) -> list[UUID]:
        """What a run counts for that a call begins which is made here."""
        nearest = (self.execution_id, self.session_id)
        return list(dict.fromkeys([*(each for each in nearest if each is not None), *self.counts_for]))

    def of_agent(self, agent: Agent | None) -> Self:
        """The same, for a call of this agent."""
        return self if agent is None else replace(self, agent_id=agent.pk, project_id=agent.project_id)


COUNTS_FOR = "counts_for"
DIMENSIONS = tuple(field.name for field in fields(Attribution) if field.name != COUNTS_FOR)
_NOTHING = Attribution()
_current: ContextVar[Attribution] = ContextVar("attribution", default=_NOTHING)


@contextmanager
def attributed(**ids: Any) -> Iterator[None]:
    """Let calls of the block be for these, and for what was said around it where nothing is said here.

    It goes along into tasks, and into threads that `run_query` and `in_thread` use.
    """
    token = _current.set(replace(_current.get(), **{name: value for name, value in ids.items() if value is not None}))
    try:
        yield
    finally:
        _current.reset(token)


def current_attribution() -> Attribution:
    """What calls are for that are made here."""
    actor, found = current_actor(), _current.get()
    if actor.kind is ActorKind.KEY and found.key_id is None:
        return replace(found, key_id=UUID(actor.id))
    return found


def _shown_in_logs() -> dict[str, object]:
    found = _current.get()
    return {name: value for name in DIMENSIONS if (value := getattr(found, name)) is not None}


add_source(_shown_in_logs)
