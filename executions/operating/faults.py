"""What operators decide about faults: that one is ignored for a while, or resolved.

Whoever acts is the current actor.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from executions.models import Execution
from executions.operating.models import FaultMark, FaultState
from julep_project.core.actor import current_actor
from julep_project.core.clock import DatabaseNow, now, to_wire
from julep_project.core.errors import BadRequest, NotFound
from tasks.models import Task

NEW = "new"


def mark_fault(*, task_id: UUID, fault: str, state: str, until: datetime | None = None) -> None:
    """Decide: `ignored` until a moment, `resolved`, or `new` again.

    Raises:
        NotFound: no run of the task failed so. BadRequest: the end is not in the future.
    """
    if state == FaultState.IGNORED and (until is None or until <= now()):
        raise BadRequest("A fault is ignored until a moment in the future")
    with transaction.atomic():
        task: Task | None = Task.objects.select_for_update(no_key=True).filter(pk=task_id).first()
        if task is None or not Execution.objects.filter(task=task, error_hash=fault).exists():
            raise NotFound("Fault not found")
        before = FaultMark.objects.filter(task=task, fault=fault).first()
        after = None if state == NEW else _written(task, fault, FaultState(state), until)
        if after is None:
            FaultMark.objects.filter(task=task, fault=fault).delete()
        act = Act(Verb.UPDATE, ObjectKind.FAULT, fault, task.name, _told(before), _told(after))
        record(task.developer_id, act)


def _written(task: Task, fault: str, state: FaultState, until: datetime | None) -> FaultMark:
    actor = current_actor()
    told = {
        "developer_id": task.developer_id,
        "state": state,
        "until": until if state is FaultState.IGNORED else None,
        "version": task.version_number,
        "made_by": actor.label or actor.kind.value,
        "made_at": DatabaseNow(),
    }
    mark: FaultMark = FaultMark.objects.update_or_create(task=task, fault=fault, defaults=told)[0]
    return mark


def _told(mark: FaultMark | None) -> dict[str, str | None]:
    if mark is None:
        return {"state": NEW, "until": None}
    return {"state": str(mark.state), "until": None if mark.until is None else to_wire(mark.until)}


def marks_of(faults: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], FaultMark]:
    """What was decided about these, by task and fault."""
    tasks, hashes = {task for task, _ in faults}, {fault for _, fault in faults}
    found = FaultMark.objects.filter(task__in=tasks, fault__in=hashes)
    return {(mark.task_id, mark.fault): mark for mark in found}


def standing(mark: FaultMark | None, *, last: datetime, version: int) -> str:
    """How a fault stands that happened last at this moment, and in versions of its task up to this one.

    It is new again when it happened after it was resolved, when the time is over for which it is ignored, or when it
    happens in a newer version.
    """
    if mark is None or version > mark.version:
        return NEW
    if mark.state == FaultState.RESOLVED:
        return NEW if last > mark.made_at else FaultState.RESOLVED
    return NEW if mark.until is None or mark.until <= now() else FaultState.IGNORED
