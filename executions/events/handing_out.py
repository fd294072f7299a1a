"""Brings events and waits together, from both sides, each after its own commit: so none misses the other.

An event is handed out to the waits that stand there, so many at a time; a wait that is new looks for events that were
there before. Both are leased work, done by whoever has the message, and may be done again at any point.
"""

import logging
import time
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from executions.engine.dispatch import HAND_OUT, LOOK, Dispatcher
from executions.events.matching import is_contested, oldest_for, waits_for
from executions.events.models import Event, EventState
from executions.events.taken import Place, untaken
from executions.events.waking import WITH_OTHERS, wake
from executions.models import EventWait
from julep_project.core.outages import waiting_out
from julep_project.core.tenancy import system_scope, tenant_scope
from julep_project.core.work import rings
from julep_project.core.work.draining import is_draining
from julep_project.core.work.lease import Held, Leases
from julep_project.core.work.queued import Queued

log = logging.getLogger(__name__)

_AT_ONCE = 200
# How long one message works: other tenants have their turns in between.
_WORKS_S = 1.0

EVENTS: Leases[Event] = Leases(Event, Q(state=EventState.PENDING), ring=lambda key: rings.ring(HAND_OUT, key))
EVENT_QUEUE: Queued[Event] = Queued(EVENTS, task=HAND_OUT)
WAITS: Leases[EventWait] = Leases(EventWait, Q(state=EventWait.State.NEW), ring=lambda key: rings.ring(LOOK, key))
WAIT_QUEUE: Queued[EventWait] = Queued(WAITS, task=LOOK)


def ring_due() -> dict[str, int]:
    """Ring for events and waits that nobody looks at."""
    return {"events": EVENT_QUEUE.ring_due(), "waits": WAIT_QUEUE.ring_due()}


def hand_out(event_id: UUID, to: Dispatcher) -> None:
    """Let waits take the event. Does nothing when that was done, or somebody else is at it."""
    held = EVENTS.claim(event_id)
    if held is None:
        return
    with system_scope():
        event: Event | None = Event.objects.filter(pk=event_id).first()
    if event is None:
        return
    with EVENTS.holding(held), waiting_out(EVENTS, held), tenant_scope(event.developer_id):
        if held.attempt > settings.MAX_ATTEMPTS:
            log.warning("event given up", extra={"action": "event_given_up", "event_id": event_id})
            EVENTS.end(held, state=EventState.FAILED)
        else:
            _hand_out(event, held, to)
    EVENT_QUEUE.ring_next(event.developer_id)


def _hand_out(event: Event, held: Held, to: Dispatcher) -> None:
    until, after = time.monotonic() + _WORKS_S, event.after
    # What an earlier message has left is behind others.
    woken = 0 if after is None else WITH_OTHERS
    while True:
        places = waits_for(event, after=after, most=_AT_ONCE)
        contested = is_contested(event)
        # A wait that has not looked yet may have missed older events: it takes the oldest, as all do then.
        choosing = [place for place, is_new in places if is_new or contested]
        taking = untaken([place for place, is_new in places if not (is_new or contested)], event.pk)
        woken += wake(event, taking, to, before=woken)
        for place in choosing:
            woken += _choose(place, to, woken)
            if place is not choosing[-1] and _is_over(until):
                EVENTS.wait(held, counted=False, after=place.wait_id)
                return
        if len(places) < _AT_ONCE:
            EVENTS.end(held, state=EventState.HANDED_OUT)
            return
        after = places[-1][0].wait_id
        if _is_over(until):
            EVENTS.wait(held, counted=False, after=after)
            return


def _is_over(until: float) -> bool:
    return time.monotonic() >= until or is_draining()


def _choose(place: Place, to: Dispatcher, before: int) -> int:
    wait = EventWait.objects.filter(pk=place.wait_id).first()
    return 0 if wait is None else _take(wait, to, before)


def _take(wait: EventWait, to: Dispatcher, before: int = 0) -> int:
    """Let the wait take the oldest event that there is for it; how many waits did."""
    event = oldest_for(wait)
    return 0 if event is None else wake(event, [Place(wait.pk, wait.branch_id, wait.execution_id)], to, before=before)


def look(wait_id: UUID, to: Dispatcher) -> None:
    """Let a wait take an event that was recorded before it began, the oldest."""
    held = WAITS.claim(wait_id)
    if held is None:
        return
    with system_scope():
        wait: EventWait | None = EventWait.objects.filter(pk=wait_id).first()
    if wait is None:
        return
    with WAITS.holding(held), waiting_out(WAITS, held), tenant_scope(wait.developer_id):
        if held.attempt > settings.MAX_ATTEMPTS:
            log.warning("wait for an event given up", extra={"action": "event_wait_given_up", "wait_id": wait_id})
            WAITS.end(held, state=EventWait.State.FAILED)
        else:
            _take(wait, to)
            # Where it has taken one, the row is gone.
            WAITS.end(held, state=EventWait.State.WAITING)
    WAIT_QUEUE.ring_next(wait.developer_id)
