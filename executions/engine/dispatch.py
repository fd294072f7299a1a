"""Rings: messages that make a worker look at a row. The only file that knows Celery's chords and countdowns.

A ring may be lost, late or repeated; the row decides what happens, and the sweeper rings again.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol
from uuid import UUID

from celery import chord, current_app, group
from celery.canvas import Signature

from executions.engine.advance import Advanced
from executions.engine.rows.turns import followers
from executions.states import BranchStatus
from julep_project.core.work import rings

log = logging.getLogger(__name__)

# Longer waits are left to the sweeper, which rings shortly before they are over: a message with a countdown sits in a
# worker's memory until it is due, some 9 kB each, so many sleeping runs would fill it.
MAX_COUNTDOWN_S = 10.0

# The Celery tasks that look for an event that ends a wait, and for waits that an event ends.
LOOK, HAND_OUT = "events.look", "events.hand_out"

# Lanes of one map beyond so many are surplus.
_LANES_AT_ONCE = 8

# A lane that moves to where calls are made cannot go on without the broker: it may as well wait for it.
_PATIENTLY = {"max_retries": 30, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 1}

# A timer must not fire before the database's clock says so; a message that comes too early finds nothing to do.
_COUNTDOWN_SLACK_S = 0.05


class Dispatcher(Protocol):
    """Sends rings. One with a delay of more than `MAX_COUNTDOWN_S` is not sent."""

    def advance(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        """Look at this branch. What is `surplus`, and all that follows from it, goes behind what is not."""

    def effect(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        """Do the work outside the database that this branch waits for, and go on with the branch."""

    def lanes(self, parent_id: UUID, count: int) -> None:
        """Start running this branch's children, that many at once; look at the branch when they have ended."""

    def lane(self, parent_id: UUID, *, is_surplus: bool = False) -> None:
        """Run one more lane of this branch's children."""

    def look_for_event(self, wait_id: UUID) -> None:
        """Look whether an event is there already that ends this wait."""

    def hand_out(self, event_id: UUID) -> None:
        """Look for waits that this event ends."""

    def backlog(self, queue: str) -> int:
        """How many rings wait in a queue."""


def ring_after(advanced: Advanced, dispatcher: Dispatcher) -> None:
    """Ring whatever a committed slice calls for."""
    verdict = advanced.verdict
    match verdict.status:
        case BranchStatus.READY:
            dispatcher.advance(advanced.branch_id)
        case BranchStatus.CALLING:
            dispatcher.effect(advanced.branch_id, delay_s=verdict.sleep_s or 0)
        case BranchStatus.JOINING:
            dispatcher.lanes(advanced.branch_id, min(verdict.parallelism or 1, verdict.awaited))
        case BranchStatus.SLEEPING | BranchStatus.AWAITING_INPUT if (verdict.sleep_s or 0) > 0:
            dispatcher.advance(advanced.branch_id, delay_s=verdict.sleep_s or 0)
    if verdict.awaits is not None and verdict.wait_id is not None:
        dispatcher.look_for_event(verdict.wait_id)
    if advanced.parent_ready and advanced.parent_id is not None:
        dispatcher.advance(advanced.parent_id)
    for parent_id, taken in advanced.freed:
        dispatcher.lane(parent_id, is_surplus=taken >= _LANES_AT_ONCE)
    if advanced.called_by is not None:
        dispatcher.effect(advanced.called_by)
    if advanced.followed_in is not None:
        for branch_id in followers(advanced.followed_in):
            dispatcher.advance(branch_id, is_surplus=True)


class CeleryDispatcher:
    """Rings through Celery. Messages carry ids only."""

    def advance(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        _send_later(_ranked(_signature("executions.advance", branch_id), is_surplus), delay_s)

    def effect(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        _send_later(_ranked(_signature("executions.perform_effect", branch_id), is_surplus), delay_s)

    def lanes(self, parent_id: UUID, count: int) -> None:
        header = group(
            _ranked(_signature("executions.run_lane", parent_id, None), place >= _LANES_AT_ONCE)
            for place in range(count)
        )
        _send(lambda: chord(header)(_signature("executions.join", parent_id).set(retry_policy=_PATIENTLY)))

    def lane(self, parent_id: UUID, *, is_surplus: bool = False) -> None:
        _send(_ranked(_signature("executions.run_lane", parent_id, None), is_surplus).apply_async)

    def look_for_event(self, wait_id: UUID) -> None:
        rings.ring(LOOK, wait_id)

    def hand_out(self, event_id: UUID) -> None:
        rings.ring(HAND_OUT, event_id)

    def backlog(self, queue: str) -> int:
        return rings.backlog(queue)


_dispatcher: ContextVar[Dispatcher] = ContextVar("dispatcher")


def dispatcher() -> Dispatcher:
    """The dispatcher in use: Celery, unless the caller is inside `dispatching_to`."""
    return _dispatcher.get(CeleryDispatcher())


@contextmanager
def dispatching_to(other: Dispatcher) -> Iterator[None]:
    """Send rings to another dispatcher for the length of the block."""
    token = _dispatcher.set(other)
    try:
        yield
    finally:
        _dispatcher.reset(token)


def lane_continuation(parent_id: UUID, child_id: UUID | None, *, calls: bool) -> Signature:
    """The message a lane replaces itself with, so that it keeps its place in the chord."""
    following = _signature("executions.run_lane", parent_id, child_id, calls=calls)
    return following.set(queue="io", retry_policy=_PATIENTLY) if calls else following


def _send_later(signature: Signature, delay_s: float) -> None:
    if delay_s <= MAX_COUNTDOWN_S:
        countdown = delay_s + _COUNTDOWN_SLACK_S if delay_s > 0 else None
        _send(lambda: signature.apply_async(countdown=countdown))


def _send(ring: Callable[[], object]) -> None:
    """Ring, or leave it to the sweeper when Redis is away: the row is committed, so nothing is lost."""
    try:
        with rings.sending():
            ring()
    except rings.BROKER_ERRORS as error:
        log.warning("ring not sent; the sweeper will", extra={"reason": repr(error)})


def _ranked(signature: Signature, is_surplus: bool) -> Signature:
    """Without a rank of its own, a message has that of the message which sends it."""
    return signature.set(priority=rings.SURPLUS) if is_surplus else signature


def _signature(name: str, *ids: UUID | None, **flags: bool) -> Signature:
    arguments: list[Any] = [None if value is None else str(value) for value in ids]
    return current_app.signature(name, args=arguments, kwargs=flags, immutable=True)
