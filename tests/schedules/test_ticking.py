"""What becomes of times that come: started, waiting, skipped or failed, each once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.errors import DeadlockDetected, LockNotAvailable

from agents.audit.models import AuditRecord
from agents.models import Developer
from executions.models import Branch, Execution
from executions.schedules import messages
from executions.schedules.models import Occurrence, Schedule
from executions.schedules.services import database_now
from executions.schedules.ticking import round as rounds
from executions.schedules.ticking.lost import settle_lost
from executions.schedules.ticking.tick import sweep, tick
from julep_project.core.errors import StorageUnavailable
from julep_project.core.pauses.models import Pause
from julep_project.core.pauses.standing import forget
from julep_project.core.process.remembered import forget_everything
from julep_project.core.rates.limits import forget_limits
from julep_project.core.work import rings
from sessions.errors import SessionBusy
from tests.schedules.conftest import Scheduling
from tests.together import together


def wrapped(cause: Exception) -> OperationalError:
    """As what the database says arrives."""
    error = OperationalError()
    error.__cause__ = cause
    return error


ASK = {"main": [{"wait_for_input": {"info": {"q": "$ 1"}}}]}


@pytest.fixture
def asking(scheduling: Scheduling) -> Scheduling:
    """Its runs wait until somebody answers."""
    scheduling.task = scheduling.flow.create(ASK).json()["id"]
    return scheduling


def test_a_time_that_has_come_begins_a_run_once(scheduling: Scheduling) -> None:
    made = scheduling.make(input={"n": "$ len(schedule.name) + 1", "at": "$ nominal", "text": "$5"})
    assert scheduling.tick() == 0
    (row,) = scheduling.fire(made)
    run = Execution.objects.get(pk=row.execution_id)
    assert run.input == {"n": 2, "at": row.nominal.isoformat(timespec="seconds"), "text": "$5"}
    assert run.metadata == {"schedule_id": made["id"], "occurrence_id": str(row.pk)}
    assert (row.state, row.source, row.nominal <= row.started_at) == ("started", "schedule", True)
    assert scheduling.tick() == 0
    scheduling.run_to_rest()
    scheduling.tick()
    shown = scheduling.api.get(f"/schedules/{made['id']}/occurrences").json()["items"]
    assert [(one["state"], one["execution_id"]) for one in shown] == [("done", str(run.pk))]
    record = AuditRecord.objects.get(object_kind="execution", object_id=str(run.pk))
    assert (record.verb, record.actor_kind, record.actor_id) == ("create", "schedule", made["id"])


DEAD_HOUR = {
    "none": ["skipped missed"] * 6,
    "one": ["skipped missed"] * 5 + ["started"],
    "all": ["started"] * 6,
}


@pytest.mark.parametrize("catch_up", DEAD_HOUR)
def test_a_dead_hour(scheduling: Scheduling, catch_up: str) -> None:
    made = scheduling.make(catch_up=catch_up, overlap="allow")
    scheduling.fire(made, 6, late_s=300)
    assert scheduling.states(made) == DEAD_HOUR[catch_up]
    assert scheduling.told(made)["next_at"] > scheduling.occurrences(made)[-1].nominal.isoformat()


def test_what_is_older_than_the_window_is_not_caught_up_with(scheduling: Scheduling) -> None:
    made = scheduling.make(catch_up="all", overlap="allow", catch_up_window=1600)
    rows = scheduling.fire(made, 6, late_s=300)
    assert scheduling.states(made) == ["skipped missed"] * 3 + ["started"] * 3
    assert "longer than catch_up_window" in rows[0].reason


def test_more_times_than_are_decided_about_at_once(scheduling: Scheduling, monkeypatch: Any) -> None:
    monkeypatch.setattr("executions.schedules.ticking.deciding.TIMES_AT_ONCE", 4)
    made = scheduling.make(catch_up="one", overlap="allow")
    scheduling.fire(made, 11, late_s=300)
    assert scheduling.states(made) == ["skipped missed"] * 10 + ["started"]


OVERLAPS = {
    "skip": ["started", "skipped overlap", "skipped overlap"],
    "queue_one": ["started", "waiting overlap", "skipped queue_full"],
    "queue_all": ["started", "waiting overlap", "waiting overlap"],
    "cancel_old": ["cancelled", "cancelled", "started"],
    "allow": ["started", "started", "started"],
}
AFTER_THE_FIRST: dict[str, list[str]] = {
    "skip": ["cancelled", "skipped overlap", "skipped overlap"],
    "queue_one": ["cancelled", "started", "skipped queue_full"],
    "queue_all": ["cancelled", "started", "waiting overlap"],
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_times_that_come_while_a_run_goes_on(asking: Scheduling, overlap: str) -> None:
    made = asking.make(overlap=overlap)
    for _ in range(3):
        asking.fire(made)
    assert asking.states(made) == OVERLAPS[overlap]
    if overlap not in AFTER_THE_FIRST:
        return
    first = asking.occurrences(made)[0]
    asking.flow.cancel(str(first.execution_id))
    asking.tick()
    assert asking.states(made) == AFTER_THE_FIRST[overlap]


def test_a_full_line_takes_no_more(asking: Scheduling, settings: Any) -> None:
    settings.SCHEDULE_MAX_WAITING = 1
    made = asking.make(overlap="queue_all")
    for _ in range(3):
        asking.fire(made)
    assert asking.states(made) == ["started", "waiting overlap", "skipped queue_full"]


def test_nobody_looks_again_and_again_at_what_has_to_wait(asking: Scheduling) -> None:
    made = asking.make(overlap="queue_all")
    for _ in range(2):
        asking.fire(made)
    Occurrence.objects.filter(state="waiting").update(due_at=database_now())
    Schedule.objects.filter(pk=made["id"]).update(due_at=database_now())
    assert (asking.tick(), asking.tick()) == (1, 0)
    assert asking.states(made) == ["started", "waiting overlap"]


def test_failures_in_a_row_pause_it(scheduling: Scheduling, caplog: Any) -> None:
    caplog.set_level("INFO")
    scheduling.task = scheduling.flow.create({"main": [{"evaluate": "$ 1 / 0"}]}).json()["id"]
    made = scheduling.make(max_failures=2)
    for _ in range(2):
        scheduling.fire(made)
        scheduling.run_to_rest()
    assert scheduling.told(made)["state"] == "active"
    scheduling.tick()
    told = scheduling.told(made)
    assert (told["state"], told["failures"], told["paused_by"]) == ("paused", 2, {"kind": "system"})
    assert told["paused_reason"].startswith("2 failures in a row; the last: ")
    assert "zero" in told["paused_reason"]
    events = [record.__dict__.get("event") for record in caplog.records]
    assert (events.count("schedule.failed"), events.count("schedule.paused")) == (2, 1)
    scheduling.fire(made)
    assert len(scheduling.occurrences(made)) == 2
    resumed = scheduling.api.post(f"/schedules/{made['id']}/resume", {}).json()
    assert (resumed["state"], resumed["failures"], resumed["paused_reason"]) == ("active", 0, None)


def test_an_input_that_does_not_fit_is_a_failure_with_its_reason(scheduling: Scheduling) -> None:
    made = scheduling.make(input={"n": "$ schedule.metadata.n"}, metadata={"n": "x"}, max_failures=1)
    (row,) = scheduling.fire(made)
    assert (row.state, row.execution_id) == ("failed", None)
    assert row.reason.startswith("invalid_input: ")
    assert scheduling.told(made)["state"] == "paused"


def test_a_pause_of_new_work_lets_times_wait(scheduling: Scheduling) -> None:
    made = scheduling.make(overlap="queue_all")
    pause = Pause.objects.create(scope="intake", key="", reason="night shift")
    forget()
    scheduling.fire(made)
    scheduling.fire(made)
    (row, other) = scheduling.occurrences(made)
    assert (row.state, row.reason) == ("waiting", "paused: no new work is taken: night shift")
    assert (other.state, other.due_at) == ("waiting", None)
    Pause.objects.filter(pk=pause.pk).update(lifted_at=database_now())
    forget()
    Occurrence.objects.filter(pk=row.pk).update(due_at=database_now())
    scheduling.tick()
    assert scheduling.states(made) == ["started", "waiting overlap"]


def test_a_limit_of_runs_at_work_lets_times_wait_for_as_long_as_they_are_caught_up_with(
    asking: Scheduling, settings: Any
) -> None:
    made = asking.make(overlap="allow", catch_up="none")
    settings.TENANT_RUNS = 1
    other = asking.make(overlap="allow", catch_up="none")
    asking.pass_time(made)
    forget_limits()
    asking.fire(other)
    states = [*asking.states(made), *asking.states(other)]
    assert sorted(states) == ["started", "waiting limit"]
    waiting = Occurrence.objects.get(state="waiting")
    long_ago = database_now() - timedelta(hours=1)
    Occurrence.objects.filter(pk=waiting.pk).update(due_at=long_ago, nominal=long_ago)
    asking.tick()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.is_settled) == ("skipped", True)


def test_the_free_tier_skips_with_its_reason(scheduling: Scheduling, developer: Developer, settings: Any) -> None:
    settings.MAX_FREE_EXECUTIONS = 0
    Developer.objects.filter(pk=developer.pk).update(tags=[])
    forget_everything()
    made = scheduling.make(overlap="allow")
    scheduling.fire(made)
    scheduling.fire(made)
    rows = scheduling.occurrences(made)
    assert [row.state for row in rows] == ["started", "skipped"]
    assert rows[1].reason.startswith("limit: Execution limit exceeded")


def test_a_developer_that_is_switched_off_waits(scheduling: Scheduling, developer: Developer) -> None:
    made = scheduling.make()
    Developer.objects.filter(pk=developer.pk).update(active=False)
    forget_everything()
    scheduling.fire(made)
    assert scheduling.states(made) == ["waiting inactive"]


def test_pinned_schedules_keep_their_version(scheduling: Scheduling) -> None:
    pinned, newest = scheduling.make(pin="version"), scheduling.make(pin="latest")
    agent = scheduling.api.get(f"/tasks/{scheduling.task}").json()["agent_id"]
    changed = scheduling.api.patch(f"/agents/{agent}/tasks/{scheduling.task}", {"main": [{"evaluate": {"n": "$ 0"}}]})
    assert changed.status_code == 200
    found = []
    for schedule in (pinned, newest):
        (row,) = scheduling.fire(schedule)
        found.append(Execution.objects.get(pk=row.execution_id).task_version.number)
    assert (found, pinned["task_version"]) == ([1, 2], 1)


def test_a_share_of_runs_has_messages_and_the_others_are_held_back(scheduling: Scheduling, settings: Any) -> None:
    settings.TENANT_SHARE = 2
    made = scheduling.make(overlap="allow", catch_up="all")
    scheduling.fire(made, 5, late_s=300)
    statuses = Branch.objects.order_by("execution__created_at").values_list("status", flat=True)
    assert sorted(statuses) == ["pending", "pending", "pending", "ready", "ready"]
    scheduling.run_to_rest()


def test_a_run_that_is_removed_lets_its_schedule_go_on(asking: Scheduling) -> None:
    made = asking.make()
    (row,) = asking.fire(made)
    Execution.objects.filter(pk=row.execution_id).delete()
    assert (settle_lost(), settle_lost()) == (1, 0)
    asking.fire(made)
    assert asking.states(made) == ["cancelled run_removed", "started"]


def test_one_that_nobody_can_decide_about_holds_up_no_other(scheduling: Scheduling, monkeypatch: Any) -> None:
    broken, sound = scheduling.make(name="broken"), scheduling.make(name="sound")
    evaluated = rounds.evaluate

    def evaluate(value: Any, schedule: Schedule, *moments: Any) -> Any:
        if schedule.name == "broken":
            raise KeyError("a bug")
        return evaluated(value, schedule, *moments)

    monkeypatch.setattr(rounds, "evaluate", evaluate)
    scheduling.pass_time(broken)
    scheduling.fire(sound)
    assert (scheduling.states(broken), scheduling.states(sound)) == ([], ["started"])
    assert Schedule.objects.get(pk=broken["id"]).due_at > database_now() + timedelta(seconds=50)  # type: ignore[operator]


def test_what_waits_and_what_has_failed_outlast_a_schedule_that_is_set_aside(
    asking: Scheduling, monkeypatch: Any
) -> None:
    made = asking.make(overlap="queue_all", max_failures=1)
    for _ in range(2):
        asking.fire(made)
    begun, waiting = asking.occurrences(made)
    Occurrence.objects.filter(pk=begun.pk).update(state="failed", reason="late")
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "is_paused_by", lambda *_: 1 / 0)
        assert (asking.tick(), asking.tick()) == (1, 0)
    rows = {row.pk: row for row in asking.occurrences(made)}
    assert not rows[begun.pk].is_settled
    soon = database_now() + timedelta(seconds=50)
    assert rows[waiting.pk].due_at > soon and rows[begun.pk].due_at > soon  # type: ignore[operator]
    Occurrence.objects.filter(due_at__isnull=False).update(due_at=database_now())
    asking.tick()
    assert asking.told(made)["paused_reason"] == "1 failures in a row; the last: late"


OUTAGES: list[Exception] = [wrapped(LockNotAvailable()), wrapped(DeadlockDetected()), StorageUnavailable()]


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda each: repr(each.__cause__ or each))
def test_what_is_away_for_one_holds_up_no_other(scheduling: Scheduling, monkeypatch: Any, outage: Exception) -> None:
    broken, sound = scheduling.make(name="broken"), scheduling.make(name="sound")
    evaluated = rounds.evaluate

    def evaluate(value: Any, schedule: Schedule, *moments: Any) -> Any:
        if schedule.name == "broken":
            raise outage
        return evaluated(value, schedule, *moments)

    monkeypatch.setattr(rounds, "evaluate", evaluate)
    scheduling.pass_time(broken)
    scheduling.fire(sound)
    assert (scheduling.states(broken), scheduling.states(sound)) == ([], ["started"])
    due_at = Schedule.objects.get(pk=broken["id"]).due_at
    assert due_at is not None and timedelta(0) < due_at - database_now() < timedelta(seconds=30)


@pytest.mark.parametrize(("bound", "most"), [("MOST_OCCURRENCES", 3), ("MOST_INPUT", 25)])
def test_a_round_writes_a_bounded_amount(scheduling: Scheduling, monkeypatch: Any, bound: str, most: int) -> None:
    monkeypatch.setattr(rounds, bound, most)
    written: list[int] = []
    insert = rounds.insert_runs
    monkeypatch.setattr(rounds, "insert_runs", lambda runs: [written.append(len(runs)), insert(runs)][1])
    made = [scheduling.make(overlap="allow", catch_up="all", input={"n": 1000}) for _ in range(2)]
    for schedule in made:
        scheduling.pass_time(schedule, 5, late_s=300)
    scheduling.tick()
    assert written == [3, 3, 3, 1]
    assert [scheduling.states(each) for each in made] == [["started"] * 5] * 2


def test_what_goes_on_is_cancelled_only_for_what_begins(asking: Scheduling) -> None:
    made = asking.make(overlap="cancel_old")
    asking.fire(made)
    asking.api.patch(f"/schedules/{made['id']}", {"input": {"n": "$ 1 / 0"}})
    asking.fire(made)
    assert asking.states(made) == ["started", "failed invalid_input"]
    asking.api.patch(f"/schedules/{made['id']}", {"input": {}})
    pause = Pause.objects.create(scope="intake", key="", reason="night shift")
    forget()
    asking.fire(made)
    assert asking.states(made) == ["started", "failed invalid_input", "waiting paused"]
    Pause.objects.filter(pk=pause.pk).update(lifted_at=database_now())
    forget()
    Occurrence.objects.filter(state="waiting").update(due_at=database_now())
    asking.tick()
    asking.tick()
    assert asking.states(made) == ["cancelled", "failed invalid_input", "started"]


def test_of_times_that_come_together_the_last_one_is_begun(asking: Scheduling) -> None:
    made = asking.make(overlap="cancel_old", catch_up="all")
    asking.fire(made)
    asking.fire(made, 3)
    asking.tick()
    assert asking.states(made) == ["skipped replaced", "skipped replaced", "cancelled", "started"]
    assert Execution.objects.count() == 2


def test_a_run_that_is_cancelled_leaves_its_place(asking: Scheduling, settings: Any) -> None:
    made = asking.make(overlap="cancel_old")
    asking.fire(made)
    settings.TENANT_RUNS = 1
    forget_limits()
    asking.fire(made)
    asking.tick()
    assert asking.states(made) == ["cancelled", "started"]


def test_only_so_many_times_wait_for_what_keeps_all_from_being_begun(scheduling: Scheduling, settings: Any) -> None:
    settings.SCHEDULE_MAX_WAITING = 1
    made = scheduling.make(overlap="allow")
    Pause.objects.create(scope="intake", key="", reason="night shift")
    forget()
    for _ in range(2):
        scheduling.fire(made)
    assert scheduling.states(made) == ["waiting paused", "skipped queue_full"]


def test_what_waits_is_left_alone_when_one_before_it_has_paused_the_schedule(scheduling: Scheduling) -> None:
    broken = {"input": {"n": "$ 1 / 0"}, "max_failures": 1}
    made = scheduling.make(overlap="allow", starts_at="2026-01-01T00:00:00Z", **broken)
    scheduling.act(made, "backfill", {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:20:00Z"})
    assert scheduling.states(made) == ["failed invalid_input", "waiting", "waiting"]
    assert [row.due_at for row in scheduling.occurrences(made)] == [None] * 3
    assert sweep() == 0


def test_what_happened_to_many_times_is_told_in_one_statement(scheduling: Scheduling) -> None:
    made = scheduling.make(catch_up="none")
    scheduling.pass_time(made, 6, late_s=300)
    with CaptureQueriesContext(connection) as sent:
        scheduling.tick()
    assert scheduling.states(made) == ["skipped missed"] * 6
    assert sum("webhooks_record" in query["sql"] for query in sent.captured_queries) == 1


def test_a_message_to_a_busy_session_takes_no_thread(scheduling: Scheduling, agent: Any, monkeypatch: Any) -> None:
    session = scheduling.api.post("/sessions", {"agent": agent["id"]}).json()["id"]
    (row,) = scheduling.fire(scheduling.make(session_id=session, message="hi"))
    asked: list[str] = []

    async def answer(call: Any) -> None:
        asked.append(call.request.on_busy)
        raise SessionBusy

    monkeypatch.setattr(messages, "answer_chat", answer)
    messages.send_message(row.pk)
    row.refresh_from_db()
    assert (asked, row.state, row.attempts) == (["reject"], "started", 0)
    assert row.due_at is not None and row.due_at > database_now() + timedelta(seconds=3)


def test_a_round_reads_a_bounded_amount(scheduling: Scheduling, monkeypatch: Any) -> None:
    monkeypatch.setattr("executions.schedules.ticking.claiming.MOST_INPUT", 15)
    written: list[int] = []
    insert = rounds.insert_runs
    monkeypatch.setattr(rounds, "insert_runs", lambda runs: [written.append(len(runs)), insert(runs)][1])
    made = [scheduling.make(overlap="allow", input={"n": 1000}) for _ in range(2)]
    for schedule in made:
        scheduling.pass_time(schedule)
    scheduling.tick()
    assert written == [1, 1]


def test_more_waits_than_is_looked_at_together(asking: Scheduling, settings: Any, monkeypatch: Any) -> None:
    for module in ("round", "deciding"):
        monkeypatch.setattr(f"executions.schedules.ticking.{module}.TIMES_AT_ONCE", 2)
    settings.SCHEDULE_MAX_WAITING = 3
    made = asking.make(overlap="queue_all")
    for _ in range(5):
        asking.fire(made)
    assert asking.states(made) == ["started", *["waiting overlap"] * 3, "skipped queue_full"]


@pytest.mark.parametrize("point", ["insert_runs", "record_each", "add_occurrences", "write_schedules"])
def test_a_tick_that_is_killed_leaves_nothing_and_loses_nothing(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    made = scheduling.make()
    written = getattr(rounds, point)

    def write_and_die(*arguments: Any) -> None:
        written(*arguments)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(rounds, point, write_and_die)
        with pytest.raises(SystemExit):
            scheduling.fire(made)
    assert not Occurrence.objects.exists() and not Execution.objects.exists()
    scheduling.tick()
    assert scheduling.states(made) == ["started"]


def test_the_database_refuses_a_time_twice(scheduling: Scheduling) -> None:
    made = scheduling.make()
    (row,) = scheduling.fire(made)
    again = Occurrence(developer_id=row.developer_id, schedule_id=row.schedule_id, nominal=row.nominal, target="task")
    with pytest.raises(IntegrityError, match="occurrence_once"), transaction.atomic():
        again.save(force_insert=True)


def test_a_task_takes_its_schedules_with_it(scheduling: Scheduling) -> None:
    scheduling.fire(scheduling.make())
    agent = scheduling.api.get(f"/tasks/{scheduling.task}").json()["agent_id"]
    assert scheduling.api.delete(f"/agents/{agent}/tasks/{scheduling.task}").status_code == 202
    assert not Schedule.objects.exists() and not Occurrence.objects.exists()


def test_the_sweep_rings_for_what_is_due_and_for_what_soon_will_be(scheduling: Scheduling, monkeypatch: Any) -> None:
    rung: list[float] = []
    monkeypatch.setattr(rings, "ring", lambda task, delay_s=0.0: rung.append(delay_s))
    made = scheduling.make()
    assert sweep() == 0
    Schedule.objects.filter(pk=made["id"]).update(due_at=database_now() + timedelta(seconds=1.3))
    assert (sweep(), len(rung)) == (1, 1)
    assert 1.3 <= rung[0] <= 1.6
    scheduling.pass_time(made)
    sweep()
    assert 0.0 in rung


@pytest.mark.django_db(transaction=True)
def test_processes_that_tick_at_once_share_the_work(scheduling: Scheduling, monkeypatch: Any) -> None:
    monkeypatch.setattr("executions.schedules.ticking.tick.AT_ONCE", 5)
    made = [scheduling.make(name=f"s{n}", overlap="allow", catch_up="all") for n in range(20)]
    for schedule in made:
        scheduling.pass_time(schedule, 3, late_s=100)
    together(tick, tick, tick)
    tick()
    assert Occurrence.objects.filter(state="started").count() == 60
    assert Execution.objects.count() == 60
    assert {row.due_at > database_now() for row in Schedule.objects.all() if row.due_at} == {True}
    connection.close()


def test_a_retention_period_removes_what_has_ended(scheduling: Scheduling, developer: Developer) -> None:
    made = scheduling.make(overlap="skip")
    scheduling.fire(made)
    scheduling.fire(made)
    Occurrence.objects.update(created_at=database_now() - timedelta(days=10))
    kept = scheduling.api.put("/retention/occurrences", {"days": 5})
    assert kept.status_code == 200, kept.json()
    assert UUID(made["id"])
