"""Ticks: any number of processes look at what has come, a batch at a time, each at what no other looks at.

The sweep sends a message for what is due, and messages with countdowns for what is before the next sweep. A message
that is lost costs until that; one that comes twice finds nothing to do.
"""

import logging
import threading
import time
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction

from executions.engine.dispatch import MAX_COUNTDOWN_S
from executions.schedules.models import RAN, Occurrence, OccurrenceState, Schedule
from executions.schedules.ticking.claiming import SOON, claim_schedule, claim_schedules, look
from executions.schedules.ticking.round import carry_out
from julep_project.core.database import fetch, give_connection_back
from julep_project.core.outages import neighbour_away
from julep_project.core.storage_errors import is_outage
from julep_project.core.tenancy import system_scope
from julep_project.core.work import rings
from julep_project.core.work.draining import is_draining
from julep_project.core.work.keeper import Condition
from julep_project.core.work.lease import after

log = logging.getLogger(__name__)

TASK = "schedules.tick"
AT_ONCE = 400
# How long one message works: other upkeep waits for the same threads.
_WORKS_S = 1.0
# Before one that nobody can decide about is looked at again.
_SET_ASIDE_S = 60.0
# The same where that is no fault of its own: it met a lock, or something that is away.
_OUTAGE_S = 5.0
# The first message about a moment would come a little before it, by the clock of this machine.
_SLACK_S = 0.02
# Ticks of one process at once: one waits for the database while another decides. Other upkeep needs threads, too.
_PEERS = 2
_slots = threading.BoundedSemaphore(_PEERS)


def is_wanted() -> Condition:
    """Whether any schedule has to be looked at before the next sweep."""
    return SOON, [_ahead_s()]


def _ahead_s() -> float:
    return min(settings.SWEEP_SECONDS + 1, MAX_COUNTDOWN_S)


@system_scope()
def sweep() -> int:
    """Ring for what is due or soon will be; how many messages that took."""
    is_due, soon = look(_ahead_s())
    for _ in range(_PEERS if is_due else 0):
        rings.ring(TASK)
    for delay_s in soon:
        rings.ring(TASK, delay_s=delay_s + _SLACK_S)
    return len(soon) + (_PEERS if is_due else 0)


def tick() -> int:
    """Decide about schedules whose time has come, until there are none or others should have their turn; how many.

    In a process where others do so already, they go on with what this message was sent for.
    """
    if not _slots.acquire(blocking=False):
        return 0
    try:
        return _tick()
    finally:
        _slots.release()


@system_scope()
def _tick() -> int:
    until = time.monotonic() + _WORKS_S
    done = 0
    while found := _round():
        done += found
        if time.monotonic() >= until or is_draining():
            rings.ring(TASK)
            break
    return done


def _round() -> int:
    ids: list[UUID] = []
    try:
        with transaction.atomic():
            schedules = claim_schedules(AT_ONCE)
            ids = [each.pk for each in schedules]
            if schedules:
                carry_out(schedules)
    except Exception as error:
        if not ids or _is_database_away(error):
            raise
        log.exception("schedules are decided about one by one", extra={"count": len(ids)})
        for schedule_id in ids:
            _alone(schedule_id)
    return len(ids)


def _alone(schedule_id: UUID) -> None:
    """Of those that cannot be decided about together, one that is to blame holds up no others."""
    try:
        with transaction.atomic():
            schedules = claim_schedule(schedule_id)
            if schedules:
                carry_out(schedules)
    except Exception as error:
        if _is_database_away(error):
            raise
        log.exception("schedule set aside", extra={"schedule_id": schedule_id})
        _set_aside(schedule_id, _OUTAGE_S if neighbour_away(error) else _SET_ASIDE_S)


def _is_database_away(error: Exception) -> bool:
    """Whether nobody can decide about anything. One that answers has refused these: a lock was not given in time, or
    something of theirs is broken."""
    if not (isinstance(error, DatabaseError) and is_outage(error)):
        return False
    try:
        give_connection_back()
        fetch("SELECT 1")
    except DatabaseError:
        return True
    return False


@transaction.atomic
def _set_aside(schedule_id: UUID, pause_s: float) -> None:
    """Let nobody look at it for so long. What it has not heard of, and what waits, has its turn then."""
    if not Schedule.objects.filter(pk=schedule_id).select_for_update(skip_locked=True):
        return
    then = after(pause_s)
    Schedule.objects.filter(pk=schedule_id, due_at__lt=then).update(due_at=then)
    of_it = Occurrence.objects.filter(schedule=schedule_id)
    waiting = of_it.filter(state=OccurrenceState.WAITING)
    first = waiting.order_by("nominal").values_list("pk", flat=True).first()
    waiting.filter(due_at__lt=then).update(due_at=then)
    waiting.filter(pk=first).update(due_at=then)
    of_it.filter(state__in=RAN, is_settled=False).update(due_at=then)
