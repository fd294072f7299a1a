"""Runs of a developer by what is known of them, over all tasks: for lists, and for acts on many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any, Self
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from agents.models import Developer
from executions.models import Execution
from julep_project.core.reading.metadata_filter import object_condition
from tasks.models import Task

_MOST_NAMED = 100
_IS_RETRIED = Exists(Execution.objects.filter(retried_from=OuterRef("pk")))


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What a run has to meet; of what is not given, anything will do. `since` is included, `until` is not.
    `is_retried`: another run does it again, as a retry or as a variant of a fork.

    Ids of others, or of nothing, are met by no run.
    """

    status: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    task_id: UUID | None = None
    agent_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    error_type: str = ""
    error_hash: str = ""
    fork_id: UUID | None = None
    is_retried: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From what a request or a stored action says; `metadata` may be called `metadata_filter`."""
        given = {"metadata": values.get("metadata_filter"), **values}
        known = {name: given[name] for name in cls.__dataclass_fields__ if _is_given(given.get(name))}
        ids = tuple(str(one) for one in known.get("ids", ()))
        return cls(**{**known, "status": tuple(known.get("status", ())), "ids": ids})

    @property
    def is_empty(self) -> bool:
        """Whether every run meets it."""
        return self == type(self)()

    def condition(self, developer: Developer) -> Q:
        parts = [
            Q(status__in=self.status) if self.status else Q(),
            Q(pk__in=self.ids) if self.ids else Q(),
            Q(task_id=self.task_id) if self.task_id else Q(),
            Q(task_id__in=_tasks_of(developer, self.agent_id)) if self.agent_id else Q(),
            Q(created_at__gte=self.since) if self.since else Q(),
            Q(created_at__lt=self.until) if self.until else Q(),
            Q(error_type=self.error_type) if self.error_type else Q(),
            Q(error_hash=self.error_hash) if self.error_hash else Q(),
            Q(fork_id=self.fork_id) if self.fork_id else Q(),
            Q() if self.is_retried is None else Q(_IS_RETRIED) if self.is_retried else ~Q(_IS_RETRIED),
            object_condition(self.metadata) if self.metadata else Q(),
        ]
        return reduce(and_, parts)

    def to_json(self) -> dict[str, Any]:
        """What is given, as it is told and kept; `from_json` reads it."""
        found: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if _is_given(value):
                found[name] = _plain(value)
        return found

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        read: dict[str, Any] = {
            "task_id": UUID,
            "agent_id": UUID,
            "fork_id": UUID,
            "since": datetime.fromisoformat,
            "until": datetime.fromisoformat,
        }
        return cls.of({name: read[name](value) if name in read else value for name, value in stored.items()})


def find_runs(developer: Developer, wanted: RunFilter) -> "QuerySet[Execution]":
    """The developer's runs that meet the filter."""
    rows: QuerySet[Execution] = Execution.objects.for_developer(developer).filter(wanted.condition(developer))
    return rows


def _is_given(value: Any) -> bool:
    return bool(value) or value is False


def _tasks_of(developer: Developer, agent_id: UUID) -> Any:
    """Named one by one as long as they are few: then it is known how many runs they have, and by which index to go."""
    tasks = Task.objects.for_developer(developer).filter(agent_id=agent_id).values_list("pk", flat=True)
    few = list(tasks[: _MOST_NAMED + 1])
    return few if len(few) <= _MOST_NAMED else tasks


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
