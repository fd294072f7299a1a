"""Runs that wait for events: before, after and during, each wait once, whatever is lost."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import F

from agents.models import Developer
from executions import crashpoints
from executions.events import handing_out
from executions.events.models import Event, EventState
from executions.events.recording import NewEvent, record_event
from executions.models import Branch, EventWait, Execution, Transition
from julep_project.core.tenancy import tenant_scope
from tests.backend import flush_redis
from tests.durability.test_every_passage import Crashed, Passages
from tests.events.conftest import Events

Json = dict[str, Any]


def wait(match: Json | None = None, name: str = "order.paid", **more: Any) -> Json:
    return {"wait_for_event": {"name": name, **({} if match is None else {"match": match}), **more}}


def is_open(events: Events, run: Json) -> bool:
    status: str = events.run(run)["status"]
    return status == "awaiting_input"


def test_an_event_ends_the_waits_that_it_matches_once_each(events: Events) -> None:
    steps = (wait({"order": "$ _.order"}), {"evaluate": "$ _.data.amount"})
    runs = [events.start(*steps, given={"order": order}) for order in ("a", "b", "b")]
    shown = next(row for row in events.flow.log(runs[0]["id"]) if row["type"] == "wait")
    assert shown["output"] == {"type": "event", "name": "order.paid", "match": {"order": "a"}}
    events.record("order.paid", {"order": "c", "amount": 1})
    events.record("order.sent", {"order": "b", "amount": 2})
    assert all(is_open(events, run) for run in runs)
    event = events.record("order.paid", {"order": "b", "amount": 3, "tags": ["x"]})
    told = [events.run(run) for run in runs]
    assert [run["output"] for run in told] == [None, 3, 3]
    assert [run["status"] for run in told] == ["awaiting_input", "succeeded", "succeeded"]
    resumed = next(row for row in events.flow.log(runs[1]["id"]) if row["type"] == "resume")
    assert resumed["output"] == {
        "id": event["id"],
        "name": "order.paid",
        "data": {"order": "b", "amount": 3, "tags": ["x"]},
        "key": None,
        "created_at": event["created_at"],
    }
    assert resumed["metadata"]["resumed_by"] == {"kind": "event", "id": event["id"], "name": "order.paid"}
    assert EventWait.objects.count() == 1
    assert Event.objects.get(pk=event["id"]).state == EventState.HANDED_OUT


@pytest.mark.parametrize(
    ("match", "data", "fits"),
    [
        ({}, {}, True),
        ({"a": 1}, {"a": 1.0, "b": 2}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": "$ '1'"}, {"a": 1}, False),
        ({"a": None}, {}, False),
        ({"a": {"b": [2]}}, {"a": {"b": [1, 2], "c": 3}}, True),
        ({"a": {"b": 2}, "c": "x"}, {"a": {"b": 3}, "c": "x"}, False),
        ({"a": 0.5, "b": True}, {"a": 0.5, "b": True}, True),
    ],
)
def test_what_a_match_is_part_of(events: Events, match: Json, data: Json, fits: bool) -> None:
    run = events.start(wait(match))
    events.record("order.paid", data)
    assert is_open(events, run) is not fits
    # From the other side, it is the same.
    assert is_open(events, events.start(wait(match))) is not fits


def test_a_wait_is_found_by_what_is_rare_in_its_match(events: Events) -> None:
    for number in range(3):
        events.start(wait({"action": "paid", "id": 4711_0000 + number, "is_live": True}))
    assert len(set(EventWait.objects.values_list("probe", flat=True))) == 3


def test_a_wait_takes_the_oldest_event_since_the_run_began(events: Events) -> None:
    old, *others = [events.record("order.paid", {"n": number}) for number in range(4)]
    # Within the transaction of a test, all is at the same time.
    for seconds, event in zip((3600, 30, 20, 10), (old, *others), strict=True):
        Event.objects.filter(pk=event["id"]).update(created_at=F("created_at") - timedelta(seconds=seconds))
    run = events.start(wait(), {"evaluate": "$ _.data.n"})
    assert run["status"] == "awaiting_input"
    run = events.start(wait(since=60), wait(since=60), {"evaluate": "$ _.data.n"})
    assert (run["status"], EventWait.objects.count()) == ("succeeded", 1)
    first, second = (row["output"]["data"]["n"] for row in events.flow.log(run["id"]) if row["type"] == "resume")
    assert (first, second) == (1, 2)


def test_waits_after_each_other_take_different_events_and_waits_beside_each_other_the_same(events: Events) -> None:
    arm = [wait(), {"evaluate": "$ _.data.n"}]
    run = events.start({"parallel": [arm, arm]}, wait(), {"evaluate": "$ _.data.n"})
    events.record("order.paid", {"n": 1})
    assert is_open(events, run)
    events.record("order.paid", {"n": 2})
    resumed = [row["output"]["data"]["n"] for row in events.flow.log(run["id"]) if row["type"] == "resume"]
    assert (events.run(run)["output"], resumed) == (2, [1, 1, 2])
    # An event that was there before the arms began ends the waits of all of them, too.
    run = events.start({"parallel": [arm, arm]}, wait(), {"evaluate": "$ _.data.n"})
    resumed = [row["output"]["data"]["n"] for row in events.flow.log(run["id"]) if row["type"] == "resume"]
    assert (run["output"], resumed) == (2, [1, 1, 2])


@pytest.mark.parametrize("lost", ["event", "wait", "both"])
def test_an_event_during_the_wait_is_not_missed(events: Events, lost: str, monkeypatch: Any) -> None:
    """Whichever message is lost, the other side or the sweep finds what there is."""
    dispatcher = events.flow.dispatcher
    looks: list[UUID] = []
    with monkeypatch.context() as patched:
        patched.setattr(dispatcher, "look_for_event", looks.append)
        run = events.start(wait(), {"evaluate": "$ _.data.n"})
    assert len(looks) == 1
    event = events.record_unheard("order.paid", {"n": 1})
    if lost != "event":
        dispatcher.hand_out(event) if lost == "wait" else events.sweep()
    else:
        dispatcher.look_for_event(*looks)
    done = events.run(run)
    assert (done["status"], done["output"]) == ("succeeded", 1)
    events.sweep()
    assert [row["type"] for row in events.flow.log(run["id"])].count("resume") == 1
    assert not EventWait.objects.exists()


def test_an_older_event_that_is_still_to_be_handed_out_comes_first(events: Events) -> None:
    run = events.start(wait(), wait(), {"evaluate": "$ _.data.n"})
    first, second = (events.record_unheard("order.paid", {"n": number}) for number in (1, 2))
    for event in (second, first, second):
        events.flow.dispatcher.hand_out(event)
    assert events.run(run)["status"] == "succeeded"
    assert [row["output"]["data"]["n"] for row in events.flow.log(run["id"]) if row["type"] == "resume"] == [1, 2]


@pytest.mark.parametrize("point", ["in_record", "before_wake", "after_wake"])
def test_a_process_that_dies_on_the_way_costs_only_time(
    events: Events, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [events.start(wait(), {"evaluate": "$ _.data.n"}) for _ in range(3)]
    developer = Developer.objects.get()
    new = NewEvent("order.paid", {"n": 5}, "once")
    monkeypatch.setattr(crashpoints, "_PLANS", {point: Passages(crash_at=1)})
    with pytest.raises(Crashed):
        recorded = record_event(developer=developer, new=new, source="client")  # type: ignore[arg-type]
        events.flow.dispatcher.hand_out(recorded.event.pk)
        events.flow.dispatcher.drain()
    monkeypatch.setattr(crashpoints, "_PLANS", {})
    assert Event.objects.exists() is (point != "in_record")
    # Whoever got no answer records it again.
    events.record("order.paid", {"n": 5}, "once")
    events.sweep()
    events.flow.dispatcher.drain()
    for run in runs:
        # Of those that were woken by a process that died, the sweep of runs finds the message.
        for branch in Execution.objects.get(pk=run["id"]).branches.filter(status="ready"):
            events.flow.dispatcher.advance(branch.pk)
        assert events.run(run)["output"] == 5
        assert [row["type"] for row in events.flow.log(run["id"])].count("resume") == 1
    assert Event.objects.count() == 1


def test_a_run_that_is_tried_again_keeps_what_it_took(events: Events) -> None:
    run = events.start(wait(), wait(timeout=10), {"evaluate": "$ _.data.n"})
    events.record("order.paid", {"n": 1})
    events.flow.time_passes = True
    assert events.run(run)["status"] == "failed"
    events.flow.time_passes = False
    events.record("order.paid", {"n": 2})
    with events._capture(execute=True):
        again = events.api.post(f"/executions/{run['id']}/retry", {"from": "failed"}).json()
    assert events.run(again)["output"] == 2
    assert [row["output"]["data"]["n"] for row in events.flow.log(again["id"]) if row["type"] == "resume"] == [1, 2]


def test_a_run_that_is_tried_again_takes_what_came_while_the_first_one_was_queued(events: Events) -> None:
    fails = {"evaluate": "$ 1 if _.get('fixed') else 1 / 0"}
    run = events.start({"evaluate": "$ {}"}, fails, wait(), {"evaluate": "$ _.data.n"})
    assert run["status"] == "failed"
    hour, half = timedelta(hours=1), timedelta(minutes=30)
    for rows in (Execution.objects.filter(pk=run["id"]), Branch.objects.filter(execution_id=run["id"])):
        rows.update(created_at=F("created_at") - hour)
    Event.objects.filter(pk=events.record("order.paid", {"n": 1})["id"]).update(created_at=F("created_at") - half)
    with events._capture(execute=True):
        body = {"from": "failed", "input": {"fixed": True}}
        again = events.api.post(f"/executions/{run['id']}/retry", body).json()
    assert events.run(again)["output"] == 1


def test_a_person_can_answer_and_nobody_answers_what_is_over(events: Events) -> None:
    run = events.start(wait(), {"evaluate": "$ _.by"})
    assert events.flow.resume(run["id"], {"by": "hand"})["output"] == "hand"
    gone = events.start(wait())
    assert events.flow.cancel(gone["id"])["status"] == "cancelled"
    late = events.start(wait(timeout=5, on_timeout={"late": True}))
    events.flow.time_passes = True
    assert events.run(late)["output"] == {"late": True}
    assert not EventWait.objects.exists()
    events.record("order.paid", {})
    assert [events.run(each)["transition_count"] for each in (run, gone, late)] == [5, 3, 3]


def test_a_run_leaves_its_wait_where_tenants_have_no_rights_yet(events: Events) -> None:
    """As while this version is migrated, and runs of the version before go on."""
    answered, gone = events.start(wait()), events.start(wait())
    with connection.cursor() as cursor:
        cursor.execute("REVOKE ALL ON executions_eventwait FROM julep_tenant")
    assert events.flow.resume(answered["id"], {"by": "hand"})["status"] == "succeeded"
    assert events.flow.cancel(gone["id"])["status"] == "cancelled"
    assert not EventWait.objects.exists()


def test_an_event_is_of_one_developer(events: Events) -> None:
    run = events.start(wait({"n": 1}))
    other = Developer.objects.create(email="other@example.com")
    with tenant_scope(other.pk):
        recorded = record_event(
            developer=other,
            new=NewEvent("order.paid", {"n": 1}, "k"),
            source="client",  # type: ignore[arg-type]
        )
    events.flow.dispatcher.hand_out(recorded.event.pk)
    events.flow.dispatcher.drain()
    assert is_open(events, run)
    assert events.api.get(f"/events/{recorded.event.pk}").status_code == 404
    assert events.record("order.paid", {"n": 1}, "k")["id"] != str(recorded.event.pk)
    assert not is_open(events, run)


def test_a_step_emits_once_and_wakes_another_run(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = events.start(wait(), {"evaluate": "$ _.data"})
    emit = {"emit": {"name": "order.paid", "data": {"n": "$ _.n + 1"}}}
    monkeypatch.setattr(crashpoints, "_PLANS", {"after_effect": Passages(crash_at=1)})
    task = events.task(emit)
    with pytest.raises(Crashed):
        events.flow.start(task, {"n": 1})
    monkeypatch.setattr(crashpoints, "_PLANS", {})
    run = Execution.objects.get(task_id=task)
    # The lease of the process that died runs out.
    run.branches.update(lease_until=F("created_at") - timedelta(seconds=1), rung_at=None)
    events.flow.dispatcher.effect(run.branches.get().pk)
    done = events.run({"id": str(run.pk)})
    (event,) = Event.objects.all()
    assert (done["status"], done["output"]["id"], done["output"]["data"]) == ("succeeded", str(event.pk), {"n": 2})
    assert (event.source, event.source_id) == ("step", str(run.pk))
    events.sweep()
    assert events.run(waiting)["output"] == {"n": 2}


def test_events_are_recorded_once_for_a_key_and_told(events: Events) -> None:
    first = events.record("order.paid", {"n": 1}, "k")
    again = events.record("order.paid", {"n": 2}, "k")
    other = events.record("order.sent", {"n": 3}, "k")
    assert (again["id"], again["data"]) == (first["id"], {"n": 1})
    assert first["source"]["type"] == "client" and first["kept_until"] > first["created_at"]

    def listed(**query: str) -> list[str]:
        return [event["id"] for event in events.api.get("/events", query).json()["items"]]

    assert listed() == [other["id"], first["id"]]
    assert listed(state="failed") == [] and len(listed(state="handed_out") + listed(state="pending")) == 2
    assert listed(name="order.paid") == listed(name="order.paid", key="k") == [first["id"]]
    assert events.api.get("/events", {"key": "k"}).status_code == 400
    assert events.api.get(f"/events/{other['id']}").json()["data"] == {"n": 3}
    assert events.api.get(f"/events/{uuid4()}").status_code == 404


def test_what_is_no_event_is_refused(events: Events, settings: Any) -> None:
    settings.MAX_EVENT_BYTES = 300
    answers = [
        events.api.post("/events", body)
        for body in (
            {"name": "a..b"},
            {"name": "1 2"},
            {"name": "x" * 121},
            {"name": "execution.failed"},
            {"name": "a", "data": [1]},
            {"name": "a", "key": ""},
            {"name": "a", "data": {"t": "x" * 300}},
        )
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 400, 422, 422, 400]
    run = events.start(wait({"t": "$ 'x' * 300"}))
    assert run["status"] == "failed" and "MAX_EVENT_BYTES" in run["error"]
    assert not Event.objects.exists()


@pytest.mark.parametrize("step", ["wait_for_event", "emit"])
def test_what_the_platform_tells_webhooks_is_no_event(events: Events, step: str) -> None:
    """It is never recorded, so that a wait for it would last for ever."""
    told = "names that begin with `execution.` are the platform's own: it tells webhooks of them, and records no event"
    refused = events.flow.create({"main": [{step: {"name": "execution.succeeded"}}, {"evaluate": "$ _"}]})
    assert refused.status_code == 422 and told in str(refused.json())
    run = events.start({step: {"name": "$ 'execution.' + 'succeeded'"}})
    assert (run["status"], run["error"]) == ("failed", told)


def test_a_developer_records_so_many_events_in_a_minute(events: Events, settings: Any) -> None:
    flush_redis()
    settings.EVENTS_PER_MINUTE = 2
    answers = [events.api.post("/events", {"name": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2]["Retry-After"]) >= 1
    # A step waits until there is room.
    run = events.start({"emit": {"name": "a"}})
    assert run["status"] in ("starting", "running") and Event.objects.count() == 2


@pytest.mark.parametrize("older", [False, True])
def test_of_the_waits_that_an_event_ends_few_go_with_those_of_others(
    events: Events, monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    """Also of those that are woken one by one, since an older event may be for them, and in several messages."""
    monkeypatch.setattr("executions.events.waking.WITH_OTHERS", 2)
    monkeypatch.setattr("executions.events.handing_out._AT_ONCE", 3)
    monkeypatch.setattr("executions.events.handing_out._WORKS_S", 1000.0 if older else 0.0)
    for _ in range(5):
        events.start(wait())
    woken: list[bool] = []
    monkeypatch.setattr(events.flow.dispatcher, "advance", lambda branch, *, is_surplus: woken.append(is_surplus))
    if older:
        events.record_unheard("order.paid")
    event = events.record_unheard("order.paid")
    while EventWait.objects.exists():
        handing_out.hand_out(event, events.flow.dispatcher)
    assert woken == [False] * 2 + [True] * 3


def test_an_event_with_many_waits_is_handed_out_in_parts(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [events.start(wait()) for _ in range(5)]
    monkeypatch.setattr("executions.events.handing_out._AT_ONCE", 2)
    monkeypatch.setattr("executions.events.handing_out._WORKS_S", 0.0)
    event = events.record_unheard("order.paid")
    for left in (3, 1, 0):
        handing_out.hand_out(event, events.flow.dispatcher)
        assert EventWait.objects.count() == left
    events.flow.dispatcher.drain()
    assert Event.objects.get().state == EventState.HANDED_OUT
    assert Transition.objects.filter(type="resume").count() == len(runs)
