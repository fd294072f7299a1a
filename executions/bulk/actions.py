"""Begins acts on many runs, tells beforehand what they would meet, and ends them early.

The console calls these with the developer it means; whoever acts is the current actor.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.spending.attribution import current_attribution
from executions.bulk.errors import CountNeeded, EmptyFilter
from executions.bulk.models import BulkAction, BulkItem, BulkVerb, Outcome
from executions.bulk.working import BULKS
from executions.finding import RunFilter, find_runs
from executions.models import Execution
from julep_project.core.actor import current_actor
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest, Conflict
from julep_project.core.ids import uuid7
from julep_project.core.jobs.kind import announce
from julep_project.core.jobs.rows import OPEN, JobState
from julep_project.core.pauses.standing import check_intake
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.tenancy import get_or_not_found

log = logging.getLogger(__name__)

NAME = "bulk_action"
# No more are counted, and no more are listed.
MOST_COUNTED = 100_000
_SAMPLES = 10
_FAILURES_SHOWN = 20
# More than so many have to be confirmed.
FREELY = 100
_LARGEST_FILTER = 16 * 1024


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """What is to be done to which runs, and how: of a retry its `from`, `version` and `repeat_at_most_once`, of a
    resume its `input`."""

    action: BulkVerb
    filter: RunFilter
    reason: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Met:
    """The runs that meet a filter now; `is_more`: there are more than were counted."""

    count: int
    is_more: bool
    samples: list[Execution]


def preview_bulk(*, developer: Developer, request: BulkRequest) -> Met:
    """Which runs would be acted on; none is.

    Raises:
        EmptyFilter, BadRequest
    """
    _check(request)
    runs = find_runs(developer, request.filter)
    count = runs.order_by()[: MOST_COUNTED + 1].count()
    newest = runs.defer("input", "output").order_by("-created_at", "-pk")[:_SAMPLES]
    return Met(min(count, MOST_COUNTED), count > MOST_COUNTED, list(newest))


def start_bulk(*, developer: Developer, request: BulkRequest, confirm: int | None = None) -> BulkAction:
    """Begin to act on the runs that meet the filter and are there by now.

    Raises:
        EmptyFilter, BadRequest
        CountNeeded: they are many, or not as many as was said. Paused: no new work is taken.
    """
    if request.action is BulkVerb.RETRY:
        check_intake()
    met = preview_bulk(developer=developer, request=request)
    if met.count != confirm and (confirm is not None or met.count > FREELY):
        raise CountNeeded(f"{met.count} runs meet the filter", extra={"matched": met.count, "is_more": met.is_more})
    actor = current_actor()
    bulk = BulkAction(
        id=uuid7(),
        developer=developer,
        name=NAME,
        action=request.action,
        filter=request.filter.to_json(),
        options=dict(request.options),
        why=request.reason,
        matched=met.count,
        actor={**asdict(actor), "kind": actor.kind.value},
        key_id=current_attribution().key_id,
    )
    with transaction.atomic():
        after = {"action": bulk.action, "filter": bulk.filter, "reason": bulk.why, "matched": bulk.matched}
        record(developer.pk, Act(Verb.CREATE, ObjectKind.BULK, bulk.pk, bulk.action, after=after))
        BULKS.start(bulk)
    bulk.refresh_from_db()
    log.info("bulk action begun", extra={"bulk_id": bulk.pk, "action": bulk.action, "matched": bulk.matched})
    return bulk


def abort_bulk(*, developer: Developer, bulk_id: UUID) -> BulkAction:
    """Act on no further runs.

    Raises:
        NotFound: there is no such action. Conflict: it has ended.
    """
    with transaction.atomic():
        bulk = get_bulk(developer, bulk_id)
        # Another version: whoever works on it has lost it before the next run.
        won = BulkAction.objects.filter(pk=bulk_id, state__in=OPEN).update(
            state=JobState.ABORTED,
            reason="it was aborted",
            version=F("version") + 1,
            lease_until=None,
            updated_at=DatabaseNow(),
        )
        if not won:
            raise Conflict(f"The action has ended: it is {bulk.state}")
        record(developer.pk, Act(Verb.CANCEL, ObjectKind.BULK, bulk.pk, bulk.action))
        transaction.on_commit(lambda: announce(bulk_id))
    return get_bulk(developer, bulk_id)


def get_bulk(developer: Developer, bulk_id: UUID) -> BulkAction:
    """One action.

    Raises:
        NotFound
    """
    found: BulkAction = get_or_not_found(list_bulks(developer), bulk_id, "Bulk action")
    return found


def list_bulks(developer: Developer) -> "QuerySet[BulkAction]":
    rows: QuerySet[BulkAction] = BulkAction.objects.for_developer(developer)
    return rows


def failures_of(bulk: BulkAction) -> list[BulkItem]:
    """Runs that could not be acted on, the newest first, as far as they are shown."""
    rows = BulkItem.objects.filter(bulk=bulk, outcome=Outcome.FAILED).order_by("-id")
    return list(rows[:_FAILURES_SHOWN])


def _check(request: BulkRequest) -> None:
    if request.filter.is_empty:
        raise EmptyFilter(fix="Say which runs are meant: status, task_id, agent_id, since, until or metadata")
    if len(to_json_text([request.filter.to_json(), dict(request.options)])) > _LARGEST_FILTER:
        raise BadRequest(f"A bulk action is described with at most {_LARGEST_FILTER} bytes")
