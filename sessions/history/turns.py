"""Whose turn it is. One chat at a time speaks in a session; the others wait in the order they came.

A turn belongs to one request. The process that serves it renews the lease of the row; a turn whose lease ran out is
over for everyone, and its former owner finds out when it wants to save. Every decision is made under the lock of the
session's row; wake-ups only say that it is worth looking.
"""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from agents.models import Developer
from julep_project.core.database import run_query
from julep_project.core.json_value import Json
from julep_project.core.live.events import HUB, publish
from julep_project.core.tenancy import get_or_not_found
from julep_project.core.work.keeper import Condition, any_of
from julep_project.core.work.lease import Held, Leases, lease_end
from sessions.errors import SessionBusy, TurnDropped, TurnInterrupted, TurnLost, TurnStopped
from sessions.models import OnBusy, Session, StopWish, Turn, TurnStatus

OPEN = (TurnStatus.WAITING, TurnStatus.RUNNING)
# How late a waiting chat may be while Redis is away, or when the process of the chat before it has died.
_POLL_S = 2.0
# A stopped turn is woken by an event, else by the heartbeat that renews its lease.
_HEARTBEAT_WAKES_S = 3600.0
# Longer than a caller that repeats a chat goes on with it.
_KEPT_FOR = timedelta(days=7)
_PRUNED_AT_ONCE = 500


def enter_turn(
    developer: Developer, session_id: UUID, on_busy: str | None = None, *, chat_id: UUID | None = None
) -> Turn:
    """A turn of the session: running when nobody else has one, else as `on_busy` (default: the session's) says.

    `reject` refuses; `enqueue` waits. `interrupt` tells every open turn to stop and keep what was said, `rollback`
    ends them with nothing kept; both then wait for their own turn. Renew the lease with `LEASES`, end with `end_turn`.
    `chat_id` is for `find_answer`.

    Raises:
        NotFound, SessionBusy
    """
    with transaction.atomic():
        session = get_or_not_found(
            Session.objects.for_developer(developer).select_for_update(no_key=True), session_id, "Session"
        )
        _end_silent(session_id)
        others = Turn.objects.filter(session_id=session_id, status__in=OPEN)
        wish = on_busy or session.on_busy
        if wish == OnBusy.ROLLBACK:
            # From here on, nothing they do can be saved.
            _stop(others, StopWish.DROP, status=TurnStatus.CANCELLED, ended_at=Now())
            transaction.on_commit(partial(publish, _session_topic(session_id)))
        waiting = others.exists()
        if waiting and wish == OnBusy.REJECT:
            raise SessionBusy
        if waiting and wish == OnBusy.INTERRUPT:
            _stop(others, StopWish.KEEP)
        status = TurnStatus.WAITING if waiting else TurnStatus.RUNNING
        return Turn.objects.create(session_id=session_id, chat_id=chat_id, status=status, lease_until=lease_end())


async def wait_for_turn(turn: Turn) -> None:
    """Return when the turn runs.

    Raises:
        TurnDropped, TurnLost: it never will.
    """
    if turn.status == TurnStatus.RUNNING:
        return
    with HUB.listening(_session_topic(turn.session_id)) as listener:
        while not await run_query(partial(start_turn, turn)):
            await listener.wait(_POLL_S)


def start_turn(turn: Turn) -> bool:
    """Let the turn run if it is the next one and nobody runs.

    Raises:
        TurnDropped, TurnLost: it is over.
    """
    stopped = stop_of(turn)
    if isinstance(stopped, TurnDropped | TurnLost):
        raise stopped
    before = Turn.objects.filter(session_id=turn.session_id, status__in=OPEN, number__lt=turn.number)
    if before.filter(lease_until__gte=Now()).exists():
        return False
    with transaction.atomic():
        Session.objects.select_for_update(no_key=True).filter(pk=turn.session_id).first()
        _end_silent(turn.session_id)
        if before.exists():
            return False
        mine = Turn.objects.filter(pk=turn.pk, status=TurnStatus.WAITING)
        if mine.update(status=TurnStatus.RUNNING, lease_until=lease_end()):
            turn.status = TurnStatus.RUNNING
    # Zero rows: it ended since the first look; the next look tells why.
    return turn.status == TurnStatus.RUNNING


def find_answer(developer: Developer, session_id: UUID, chat_id: UUID) -> Json | None:
    """The answer of the chat with this id, if an earlier attempt of it was stored.

    Raises:
        TurnInterrupted: an earlier attempt was, without having come to an answer.
    """
    finished = Turn.objects.filter(session__developer=developer, status=TurnStatus.FINISHED)
    answers = finished.filter(session_id=session_id, chat_id=chat_id).values_list("answer", flat=True)
    if not answers:
        return None
    if answers[0] is None:
        raise TurnInterrupted
    return answers[0]


def keep_answer(turn: Turn, answer: Json) -> None:
    """Have `find_answer` find it. Call it in the transaction that finishes the turn."""
    Turn.objects.filter(pk=turn.pk).update(answer=answer)


def forget_answers(session_id: UUID) -> None:
    """Have `find_answer` find none in the session: what is repeated is then asked anew."""
    Turn.objects.filter(session_id=session_id, status=TurnStatus.FINISHED).exclude(chat_id=None).update(
        chat_id=None, answer=None
    )


async def told_to_stop(turn: Turn) -> TurnStopped:
    """Return when somebody else has stopped the turn, with how."""
    with HUB.listening(_turn_topic(turn.pk)) as listener:
        while (stopped := await run_query(partial(stop_of, turn))) is None:
            await listener.wait(_HEARTBEAT_WAKES_S)
    return stopped


def stop_of(turn: Turn) -> TurnStopped | None:
    """How the turn was stopped; None when it was not."""
    row = Turn.objects.filter(pk=turn.pk).values_list("status", "stop").first()
    if row is None or row == (TurnStatus.CANCELLED, None):
        return TurnLost()
    status, stop = row
    if stop == StopWish.DROP:
        return TurnDropped()
    return TurnInterrupted() if stop == StopWish.KEEP and status in OPEN else None


def finish_turn(turn: Turn) -> None:
    """Mark the turn finished. Call it in the transaction that saves what was said, with the session's row locked.

    Raises:
        TurnDropped, TurnLost: it does not run any more; nothing may be saved.
    """
    running = Turn.objects.filter(pk=turn.pk, status=TurnStatus.RUNNING)
    if not running.update(status=TurnStatus.FINISHED, ended_at=Now()):
        raise stop_of(turn) or TurnLost()
    transaction.on_commit(partial(publish, _session_topic(turn.session_id)))


def end_turn(turn: Turn) -> None:
    """Let go of the turn, with nothing saved, unless it is over already."""
    if Turn.objects.filter(pk=turn.pk, status__in=OPEN).update(status=TurnStatus.CANCELLED, ended_at=Now()):
        publish(_session_topic(turn.session_id))


def _stop(turns: "QuerySet[Turn]", wish: StopWish, **changes: Any) -> None:
    """Tell those who serve the turns how to stop."""
    numbers = list(turns.values_list("pk", flat=True))
    turns.update(stop=wish, **changes)
    for number in numbers:
        transaction.on_commit(partial(publish, _turn_topic(number)))


def _end_silent(session_id: UUID) -> None:
    """End turns whose process has not shown up for the length of a lease."""
    silent = Turn.objects.filter(session_id=session_id, status__in=OPEN, lease_until__lt=Now())
    silent.update(status=TurnStatus.CANCELLED, stop=None, ended_at=Now())


def prune_turns() -> int:
    """Remove turns that ended long ago, some at a time; what was said in them stays. Returns how many."""
    old = _old().order_by("ended_at").values_list("pk", flat=True)
    removed, _ = Turn.objects.filter(pk__in=list(old[:_PRUNED_AT_ONCE])).delete()
    return removed


def are_old() -> Condition:
    """Whether there are any to prune."""
    return any_of(_old())


def _old() -> "QuerySet[Turn]":
    return Turn.objects.filter(ended_at__lt=Now() - _KEPT_FOR)


def _hand_back(held: list[Held]) -> None:
    """Let the next chats of their sessions begin: the process that serves these turns stops."""
    for turn in Turn.objects.filter(pk__in=[one.key for one in held]):
        end_turn(turn)


def _wake(numbers: list[int]) -> None:
    """Those of this process that were stopped hear of it, should the message have been lost."""
    for number in numbers:
        HUB.wake(_turn_topic(number))


_IS_OPEN = Q(status__in=OPEN)
LEASES = Leases(Turn, _IS_OPEN, hand_back=_hand_back, calm=_IS_OPEN & Q(stop=None), disturbed=_wake)


def held_turn(turn: Turn) -> Held:
    """The right to be served in the turn. A turn belongs to one process from its beginning."""
    return Held(turn.pk, turn.version)


def _session_topic(session_id: UUID) -> str:
    return f"session:{session_id}"


def _turn_topic(number: int) -> str:
    return f"turn:{number}"
