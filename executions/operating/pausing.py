"""What operators pause, and lift again. The console and staff pages call it; whoever acts is the current actor."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from julep_project.core.actor import current_actor
from julep_project.core.clock import DatabaseNow, TransactionNow, now, to_wire
from julep_project.core.errors import BadRequest, Conflict, NotFound
from julep_project.core.pauses import standing
from julep_project.core.pauses.models import LONGEST_KEY, LONGEST_REASON, Pause, PauseScope
from julep_project.core.tenancy import system_scope
from tasks.models import Task

log = logging.getLogger(__name__)

# Upkeep goes on: it is what finds the end of a pause.
QUEUES = ("engine", "io")


@system_scope()
def pause(*, scope: PauseScope, key: str = "", reason: str, until: datetime | None = None) -> Pause:
    """Stop something from being begun. All processes know of it within five seconds.

    Raises:
        BadRequest: there is nothing of that name, the end is not in the future, or there is no reason.
        NotFound: there is no such task. Conflict: it is paused already.
    """
    _check(scope, key, reason, until)
    developer_id = _task(key).developer_id if scope == PauseScope.TASK else None
    actor = current_actor()
    over = Pause.objects.filter(scope=scope, key=key, lifted_at=None, until__lte=TransactionNow())
    try:
        with transaction.atomic():
            if Pause.objects.filter(Q(until=None) | Q(until__gt=now()), lifted_at=None).count() >= standing.MOST_PAUSES:
                raise Conflict("There are too many pauses")
            # One that has come to its end by itself makes room.
            over.update(lifted_at=DatabaseNow())
            row = Pause.objects.create(
                scope=scope, key=key, reason=reason, until=until, made_by=actor.label or actor.kind.value
            )
            record(developer_id, Act(Verb.PAUSE, ObjectKind.PAUSE, row.pk, str(row), after=_told(row)))
            transaction.on_commit(standing.forget)
    except IntegrityError:
        raise Conflict("This is paused already") from None
    log.warning("paused", extra={"action": "paused", "scope": scope.value, "key": key, "reason": reason})
    return row


@system_scope()
def lift(*, pause_id: UUID) -> Pause:
    """End a pause. What it held up goes on within seconds.

    Raises:
        NotFound: there is no such pause. Conflict: it is over.
    """
    with transaction.atomic():
        row = Pause.objects.select_for_update().filter(pk=pause_id).first()
        if row is None:
            raise NotFound("Pause not found")
        if row.lifted_at is not None:
            raise Conflict("The pause is over")
        actor = current_actor()
        row.lifted_at, row.lifted_by = now(), actor.label or actor.kind.value
        row.save(update_fields=["lifted_at", "lifted_by"])
        developer_id = None
        if row.scope == PauseScope.TASK:
            developer_id = Task.objects.filter(pk=row.key).values_list("developer_id", flat=True).first()
        record(developer_id, Act(Verb.LIFT, ObjectKind.PAUSE, row.pk, str(row), before=_told(row)))
        transaction.on_commit(standing.forget)
    log.warning("pause lifted", extra={"action": "pause_lifted", "scope": row.scope, "key": row.key})
    return row


def list_pauses() -> list[Pause]:
    """Those in force, the newest first."""
    open_ = Pause.objects.filter(Q(until=None) | Q(until__gt=TransactionNow()), lifted_at=None)
    return list(open_.order_by("-created_at", "-id")[: standing.MOST_PAUSES])


def _check(scope: PauseScope, key: str, reason: str, until: datetime | None) -> None:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise BadRequest(f"A pause needs a reason, of at most {LONGEST_REASON} characters")
    if until is not None and until <= now():
        raise BadRequest("The end of a pause has to be in the future")
    if len(key) > LONGEST_KEY or "\x00" in key + reason:
        raise BadRequest("This cannot be the name of anything")
    if scope == PauseScope.INTAKE and key:
        raise BadRequest("A pause of all new work is of nothing in particular")
    if scope == PauseScope.QUEUE and key not in QUEUES:
        raise BadRequest(f"A queue that can be paused is one of {', '.join(QUEUES)}")
    if scope == PauseScope.MODEL and not key.strip():
        raise BadRequest("A pause of a model needs its name")


def _task(key: str) -> Task:
    try:
        task: Task | None = Task.objects.filter(pk=UUID(key)).first()
    except ValueError:
        raise BadRequest("A pause of a task needs its id") from None
    if task is None:
        raise NotFound("Task not found")
    return task


def _told(row: Pause) -> Mapping[str, Any]:
    until = None if row.until is None else to_wire(row.until)
    return {"scope": row.scope, "key": row.key, "reason": row.reason, "until": until}
