"""What a list of runs means as the filter of a bulk action, which is of one developer and means the same later."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.http import QueryDict

from agents.models import Developer
from executions import finding
from executions.bulk.errors import EmptyFilter
from executions.bulk.models import BulkVerb
from julep_project.console.address import uuid_of
from julep_project.console.queries.bulk import developers_of, named, narrowed
from julep_project.console.queries.runs import RunFilter
from julep_project.core.clock import now
from julep_project.core.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Meant:
    """What is to be done, and to which runs of whom. Without a developer one of `candidates` has to be chosen; there
    are none when no run meets the filter."""

    action: BulkVerb
    filter: finding.RunFilter
    developer: Developer | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()

    def address(self) -> QueryDict:
        """The same as an address has it: with ids in the place of names, and moments in the place of spans."""
        query = QueryDict(mutable=True)
        query["action"] = self.action.value
        query.setlist("status", list(self.filter.status))
        if self.filter.ids:
            query.setlist("run", list(self.filter.ids))
        parts = {
            "task": self.filter.task_id,
            "agent": self.filter.agent_id,
            "fault": self.filter.error_hash,
            "since": self.filter.since and self.filter.since.isoformat(),
            "until": self.filter.until and self.filter.until.isoformat(),
            "retried": {None: "", True: "yes", False: "no"}[self.filter.is_retried],
            "developer": self.developer and self.developer.pk,
        }
        query.update({name: str(part) for name, part in parts.items() if part})
        if self.filter.metadata:
            query.setlist("meta", [f"{name}={value}" for name, value in self.filter.metadata.items()])
        return query


def meaning(query: QueryDict) -> Meant:
    """What the parameters of the list of runs mean, with `action` and, if it is known, `developer`.

    Raises:
        BadRequest: no bulk action can mean that. EmptyFilter: it narrows nothing.
    """
    action = BulkVerb(query.get("action", BulkVerb.CANCEL.value))
    wanted = RunFilter.of(query)
    _check(wanted)
    wanted = narrowed(replace(wanted, until=wanted.until or now()), action)
    if not wanted.status:
        raise BadRequest(f"None of these can be met by {action.value}: choose other statuses")
    return _of_developer(action, wanted, query.get("developer", ""))


def _of_developer(action: BulkVerb, wanted: RunFilter, given: str) -> Meant:
    filter_ = finding.RunFilter(
        status=wanted.status,
        ids=wanted.ids,
        since=wanted.since,
        until=wanted.until,
        error_hash=wanted.fault,
        is_retried=wanted.is_retried,
        metadata=dict(wanted.metadata),
    )
    candidates = () if given else tuple(developers_of(wanted))
    chosen = uuid_of(given) if given else next((one["id"] for one in candidates if len(candidates) == 1), None)
    if chosen is None and not given:
        return Meant(action, filter_, candidates=candidates)
    developer = Developer.objects.filter(pk=chosen).first() if chosen else None
    if developer is None:
        raise BadRequest("There is no such developer")
    filter_ = replace(
        filter_,
        task_id=_one("task", "tasks_task", developer, wanted.task),
        agent_id=_one("agent", "agents_agent", developer, wanted.agent),
    )
    return Meant(action, filter_, developer)


def _check(wanted: RunFilter) -> None:
    if not replace(wanted, until=None):
        raise EmptyFilter("Every run meets this: narrow the list first, by status, task, agent, time or metadata")
    if wanted.error or wanted.text:
        raise BadRequest(
            "Texts are looked for in the newest runs only, so no bulk action can mean them: take those fields away, "
            "or choose a fault on the page Errors"
        )
    if len(dict(wanted.metadata)) < len(wanted.metadata):
        raise BadRequest("One name in the metadata cannot have two values here")


def _one(kind: str, table: str, developer: Developer, text: str) -> UUID | None:
    if not text:
        return None
    found = named(table, developer.pk, text)
    if len(found) != 1:
        several = "Several of this developer are" if found else "None of this developer is"
        raise BadRequest(f"{several} the {kind} {text}: name it by its id")
    return found[0]
