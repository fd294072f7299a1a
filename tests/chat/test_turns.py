"""Turns on committed rows: who speaks, who waits, and what becomes of those that are stopped or silent."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from agents.models import Developer
from julep_project.core.errors import NotFound
from sessions.errors import SessionBusy, TurnDropped, TurnInterrupted, TurnLost
from sessions.history.turns import (
    LEASES,
    end_turn,
    enter_turn,
    finish_turn,
    held_turn,
    start_turn,
    stop_of,
    told_to_stop,
    wait_for_turn,
)
from sessions.models import Session, Turn, TurnStatus
from tests.executions_api.conftest import MISSING

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 12


@pytest.fixture
def session() -> Session:
    return Session.objects.create(developer=Developer.objects.get())


def _enter(session: Session, on_busy: str | None = None) -> Turn:
    return enter_turn(session.developer, session.pk, on_busy)


def _finish(turn: Turn) -> None:
    with transaction.atomic():
        finish_turn(turn)


def _let_lease_run_out(turn: Turn) -> None:
    Turn.objects.filter(pk=turn.pk).update(lease_until=Now() - timedelta(seconds=1))


def _statuses(session: Session) -> list[str]:
    return list(session.turns.values_list("status", flat=True))


def _at_once(act: Callable[[int], Any]) -> list[Any]:
    """What the same act gives in threads that start together; errors count as results."""
    barrier = Barrier(AT_ONCE)

    def run(number: int) -> Any:
        try:
            barrier.wait(10)
            return act(number)
        except (SessionBusy, TurnLost, TurnDropped) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def test_the_first_runs_and_the_others_wait_in_order(session: Session) -> None:
    first, second, third = (_enter(session) for _ in range(3))
    assert _statuses(session) == ["running", "waiting", "waiting"]
    assert not start_turn(second)
    _finish(first)
    assert not start_turn(third)
    assert start_turn(second)
    assert not start_turn(third)
    end_turn(second)
    assert start_turn(third)
    assert _statuses(session) == ["finished", "cancelled", "running"]


def test_sessions_do_not_wait_for_each_other(session: Session) -> None:
    _enter(session)
    other = Session.objects.create(developer=session.developer)
    assert _enter(other).status == TurnStatus.RUNNING


def test_one_of_many_runs(session: Session) -> None:
    turns = _at_once(lambda _: _enter(session))
    assert sorted(turn.status for turn in turns) == ["running", *["waiting"] * (AT_ONCE - 1)]
    assert min(turns, key=lambda turn: turn.pk).status == TurnStatus.RUNNING


def test_one_of_many_starts_next(session: Session) -> None:
    first = _enter(session)
    waiting = [_enter(session) for _ in range(AT_ONCE)]
    end_turn(first)
    assert _at_once(lambda number: start_turn(waiting[number])) == [True, *[False] * (AT_ONCE - 1)]


def test_one_of_many_is_not_rejected(session: Session) -> None:
    results = _at_once(lambda _: _enter(session, "reject"))
    assert sum(isinstance(result, SessionBusy) for result in results) == AT_ONCE - 1


def test_the_session_says_what_happens_without_a_wish(session: Session) -> None:
    Session.objects.update(on_busy="reject")
    _enter(session)
    with pytest.raises(SessionBusy):
        _enter(session)
    assert _enter(session, "enqueue").status == TurnStatus.WAITING


def test_interrupt_tells_all_before_it_and_waits(session: Session) -> None:
    running, waiting = _enter(session), _enter(session)
    late = _enter(session, "interrupt")
    assert late.status == TurnStatus.WAITING
    assert isinstance(stop_of(running), TurnInterrupted)
    _finish(running)
    assert stop_of(running) is None
    assert start_turn(waiting)
    assert isinstance(stop_of(waiting), TurnInterrupted)
    assert not start_turn(late)
    _finish(waiting)
    assert start_turn(late)
    assert stop_of(late) is None


def test_rollback_ends_all_before_it_at_once(session: Session) -> None:
    running, waiting = _enter(session), _enter(session)
    assert _enter(session, "rollback").status == TurnStatus.RUNNING
    with pytest.raises(TurnDropped):
        _finish(running)
    with pytest.raises(TurnDropped):
        start_turn(waiting)
    assert _statuses(session) == ["cancelled", "cancelled", "running"]


def test_many_rollbacks_leave_one_turn(session: Session) -> None:
    turns = _at_once(lambda _: _enter(session, "rollback"))
    assert all(turn.status == TurnStatus.RUNNING for turn in turns)
    assert [turn.pk for turn in turns if stop_of(turn) is None] == [max(turn.pk for turn in turns)]


def test_a_silent_turn_is_over(session: Session) -> None:
    silent, waiting = _enter(session), _enter(session)
    _let_lease_run_out(silent)
    assert start_turn(waiting)
    with pytest.raises(TurnLost):
        _finish(silent)
    assert _statuses(session) == ["cancelled", "running"]


def test_a_silent_turn_does_not_make_the_session_busy(session: Session) -> None:
    _let_lease_run_out(_enter(session))
    assert _enter(session, "reject").status == TurnStatus.RUNNING


def test_one_that_waits_silently_is_passed_over(session: Session) -> None:
    first, silent, third = (_enter(session) for _ in range(3))
    _let_lease_run_out(silent)
    end_turn(first)
    assert start_turn(third)
    with pytest.raises(TurnLost):
        start_turn(silent)


def test_only_open_turns_are_renewed(session: Session) -> None:
    over, silent = _enter(session), _enter(session)
    end_turn(over)
    for turn in (over, silent):
        _let_lease_run_out(turn)
    LEASES.renew([held_turn(over), held_turn(silent)])
    assert start_turn(silent)
    assert Turn.objects.filter(lease_until__gt=Now()).get() == silent


def test_turns_given_back_let_the_next_begin(session: Session) -> None:
    first, second = _enter(session), _enter(session)
    LEASES.hand_back([held_turn(first)])
    assert start_turn(second)
    with pytest.raises(TurnLost):
        _finish(first)


def test_a_finished_turn_cannot_finish_again(session: Session) -> None:
    turn = _enter(session)
    _finish(turn)
    with pytest.raises(TurnLost):
        _finish(turn)


def test_turns_of_a_deleted_session_are_lost(session: Session) -> None:
    turn = _enter(session)
    session.delete()
    assert isinstance(stop_of(turn), TurnLost)


@pytest.mark.parametrize("foreign", [True, False])
def test_an_unknown_session(session: Session, foreign: bool) -> None:
    stranger = Developer.objects.create(email="stranger@example.com")
    with pytest.raises(NotFound):
        enter_turn(stranger, session.pk if foreign else UUID(MISSING))


def test_a_waiting_chat_is_woken_by_the_end_of_the_one_before(session: Session) -> None:
    first, second = _enter(session), _enter(session)
    asyncio.run(_during(wait_for_turn(second), lambda: _finish(first)))
    assert _statuses(session) == ["finished", "running"]


def test_a_waiting_chat_is_woken_by_its_rollback(session: Session) -> None:
    _, second = _enter(session), _enter(session)
    with pytest.raises(TurnDropped):
        asyncio.run(_during(wait_for_turn(second), lambda: _enter(session, "rollback")))


@pytest.mark.parametrize(("wish", "stop"), [("interrupt", TurnInterrupted), ("rollback", TurnDropped)])
def test_a_running_chat_is_told_to_stop(session: Session, wish: str, stop: type[Exception]) -> None:
    turn = _enter(session)
    assert isinstance(asyncio.run(_during(told_to_stop(turn), lambda: _enter(session, wish))), stop)


def test_the_heartbeat_tells_what_no_event_did(session: Session) -> None:
    turn = _enter(session)

    def stop_silently() -> None:
        Turn.objects.update(stop="keep")
        LEASES.renew([held_turn(turn)])

    assert isinstance(asyncio.run(_during(told_to_stop(turn), stop_silently)), TurnInterrupted)


async def _during(waiting: Any, act: Callable[[], Any]) -> Any:
    """The result of waiting while the act is carried out by somebody else."""
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)

    def in_thread() -> None:
        try:
            act()
        finally:
            connection.close()

    await asyncio.to_thread(in_thread)
    async with asyncio.timeout(20):
        return await task
