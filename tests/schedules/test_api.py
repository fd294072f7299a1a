"""`/schedules` over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from agents.models import Agent, Developer, Project
from executions.models import Execution
from executions.schedules.models import Occurrence, Schedule
from executions.schedules.services import database_now
from julep_project.core.clock import to_wire
from julep_project.env import PROJECT_ROOT
from tasks.expressions import light
from tasks.models import Task
from tests.executions_api.conftest import MISSING
from tests.schedules.conftest import Json, Scheduling
from tests.schedules.test_ticking import ASK


def test_a_schedule_is_told_as_it_was_said(scheduling: Scheduling) -> None:
    body = {
        "name": "Morning",
        "task_id": scheduling.task,
        "cron": "0 9 * * 1-5",
        "timezone": "Europe/Berlin",
        "input": {"n": 1, "day": "$ nominal[:10]"},
        "overlap": "queue_one",
        "catch_up": "none",
        "jitter": 30,
        "metadata": {"team": "sea"},
    }
    made = scheduling.api.post("/schedules", body).json()
    assert {name: made[name] for name in body} == body
    told = scheduling.told(made)
    assert {**told, "jobs": []} == made
    assert (told["target"], told["state"], told["pin"], told["failures"]) == ("task", "active", "latest", 0)
    assert (told["every"], told["session_id"], told["message"], told["paused_by"]) == (None, None, None, None)
    assert told["next_at"] <= told["next_due_at"]
    previewed = scheduling.api.get(f"/schedules/{made['id']}/preview", {"count": "3"}).json()["items"]
    assert previewed[0] == {"nominal": told["next_at"], "due_at": told["next_due_at"]}
    assert len({one["nominal"] for one in previewed}) == 3


def test_schedules_are_listed_by_what_they_begin_and_how_they_stand(scheduling: Scheduling, agent: Json) -> None:
    one, other = scheduling.make(metadata={"a": 1}), scheduling.make(name="t")
    session = scheduling.api.post("/sessions", {"agent": agent["id"]}).json()["id"]
    said = scheduling.make(session_id=session, message="hi")
    assert scheduling.api.post(f"/schedules/{other['id']}/pause", {"reason": "closed"}).status_code == 200
    queries: list[tuple[str, dict[str, str], list[Json]]] = [
        ("/schedules", {}, [said, other, one]),
        ("/schedules", {"task_id": scheduling.task}, [other, one]),
        ("/schedules", {"session_id": session}, [said]),
        ("/schedules", {"state": "paused"}, [other]),
        ("/schedules", {"metadata_filter[a]": "1"}, [one]),
        (f"/tasks/{scheduling.task}/schedules", {}, [other, one]),
        (f"/tasks/{scheduling.task}/schedules", {"state": "active"}, [one]),
    ]
    for path, query, expected in queries:
        found = [each["id"] for each in scheduling.api.get(path, query).json()["items"]]
        assert found == [each["id"] for each in expected], (path, query)


def test_changes_of_times_count_from_now_on(scheduling: Scheduling) -> None:
    made = scheduling.make(ends_at="2100-01-01T00:00:00Z")
    path = f"/schedules/{made['id']}"
    changed = scheduling.api.patch(path, {"cron": "0 9 * * *", "timezone": "Asia/Tokyo"}).json()
    assert (changed["cron"], changed["every"], changed["timezone"]) == ("0 9 * * *", None, "Asia/Tokyo")
    assert changed["next_at"].endswith("T00:00:00.000Z")
    assert scheduling.api.patch(path, {"timezone": "UTC"}).json()["next_at"].endswith("T09:00:00.000Z")
    named = scheduling.api.patch(path, {"name": "t", "metadata": {"b": 1}}).json()
    assert (named["name"], named["ends_at"]) == ("t", "2100-01-01T00:00:00.000Z")
    whole = scheduling.api.put(path, {"name": "u", "task_id": scheduling.task, "every": 60}).json()
    assert (whole["every"], whole["cron"], whole["ends_at"], whole["metadata"]) == (60, None, None, {})
    assert scheduling.api.delete(path).status_code == 202
    assert scheduling.api.get(path).status_code == 404


def test_other_changes_leave_its_times_as_they_are(scheduling: Scheduling) -> None:
    made = scheduling.make(jitter=500)
    path = f"/schedules/{made['id']}"
    # One that has come is not due yet.
    scheduling.pass_time(made, late_s=100)
    next_at = scheduling.told(made)["next_at"]
    Schedule.objects.filter(pk=made["id"]).update(due_at=database_now() + timedelta(seconds=300))
    for method, body in (
        ("PATCH", {"jitter": 400}),
        ("PATCH", {"ends_at": "2100-01-01T00:00:00Z"}),
        ("PUT", {"name": "u", "task_id": scheduling.task, "jitter": 300}),
    ):
        changed = scheduling.api.send(method, path, body).json()
        assert (changed["next_at"], changed["every"]) == (next_at, 600), body
    said = scheduling.api.patch(path, {"every": 600}).json()
    assert said["next_at"] > to_wire(database_now())


def test_a_schedule_of_a_single_time_ends_with_it(scheduling: Scheduling) -> None:
    made = scheduling.make(once=to_wire(database_now() + timedelta(hours=1)))
    moment = database_now().replace(microsecond=0)
    times = {"once": to_wire(moment), "timezone": "UTC"}
    Schedule.objects.filter(pk=made["id"]).update(timing=times, next_nominal=moment, due_at=moment)
    scheduling.tick()
    assert scheduling.states(made) == ["started"]
    told = scheduling.told(made)
    assert (told["state"], told["next_at"]) == ("ended", None)
    refused = scheduling.api.post(f"/schedules/{made['id']}/pause", {})
    assert (refused.status_code, refused.json()["error"]["message"]) == (409, "The schedule has no further times")


def test_a_pause_has_a_reason_and_times_of_it_are_none(scheduling: Scheduling) -> None:
    made = scheduling.make()
    path = f"/schedules/{made['id']}"
    paused = scheduling.api.post(f"{path}/pause", {"reason": "The supplier is closed"}).json()
    assert (paused["state"], paused["paused_reason"]) == ("paused", "The supplier is closed")
    assert paused["paused_by"]["kind"] == "internal"
    assert (paused["next_at"], paused["next_due_at"]) == (None, None)
    assert scheduling.fire(made, 4) == []
    resumed = scheduling.api.post(f"{path}/resume").json()
    assert (resumed["state"], resumed["paused_reason"], resumed["paused_at"]) == ("active", None, None)
    assert resumed["next_at"] > to_wire(database_now())
    assert scheduling.api.post(f"{path}/resume").status_code == 200


def test_run_now_begins_one_also_of_a_paused_schedule(scheduling: Scheduling) -> None:
    scheduling.task = scheduling.flow.create(ASK).json()["id"]
    made = scheduling.make()
    path = f"/schedules/{made['id']}"
    scheduling.api.post(f"{path}/pause", {})
    begun = scheduling.api.post(f"{path}/run")
    assert (begun.status_code, begun.json()["state"], begun.json()["source"]) == (201, "started", "manual")
    assert Execution.objects.get(pk=begun.json()["execution_id"]).status == "queued"
    again = scheduling.api.post(f"{path}/run").json()
    assert (again["state"], again["reason"].partition(":")[0]) == ("skipped", "overlap")
    listed = scheduling.api.get(f"{path}/occurrences", {"state": "skipped"}).json()["items"]
    assert listed == [again]


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_backfill_begins_what_is_missing(scheduling: Scheduling, overlap: str) -> None:
    made = scheduling.make(overlap=overlap, starts_at="2026-01-01T00:00:00Z")
    hour = {"since": "2026-01-01T01:00:00Z", "until": "2026-01-01T01:30:00Z"}
    answer = scheduling.act(made, "backfill", hour)
    assert (answer.status_code, answer.json()) == (202, {"created": 4, "existing": 0})
    assert scheduling.act(made, "backfill", hour).json() == {"created": 0, "existing": 4}
    began = 4 if overlap == "allow" else 1
    assert scheduling.states(made) == ["started"] * began + ["waiting"] * (4 - began)
    for _ in range(4):
        scheduling.run_to_rest()
        scheduling.tick()
    assert scheduling.states(made) == ["done"] * 4
    assert [row.source for row in scheduling.occurrences(made)] == ["backfill"] * 4


def test_a_backfill_is_bounded(scheduling: Scheduling, settings: Any) -> None:
    settings.SCHEDULE_MAX_BACKFILL = 3
    made = scheduling.make(starts_at="2026-01-01T00:00:00Z")
    path = f"/schedules/{made['id']}/backfill"
    ranges = {
        ("2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z"): "more than 3 times",
        ("2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z"): "ends before now",
        ("0001-01-01T00:00:00Z", "2026-01-01T00:10:00Z"): "begins after the year 1970",
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"): "begins before it ends",
    }
    for (since, until), message in ranges.items():
        answer = scheduling.api.post(path, {"since": since, "until": until})
        assert (answer.status_code, message in answer.json()["error"]["message"]) == (400, True), answer.json()
    assert not Occurrence.objects.exists()
    for day, status in (("02", 202), ("03", 400)):
        hour = {"since": f"2026-01-{day}T00:00:00Z", "until": f"2026-01-{day}T00:20:00Z"}
        assert scheduling.api.post(path, hour).status_code == status
    assert Occurrence.objects.count() == 3


WRONG: dict[str, tuple[str, Json]] = {
    "no times": ("cron", {}),
    "two kinds": ("every", {"cron": "* * * * *", "every": 60}),
    "no cron": ("cron", {"cron": "61 * * * *"}),
    "zone": ("timezone", {"every": 60, "timezone": "Mars/Base"}),
    **{
        name: ("timezone", {"every": 60, "timezone": name})
        for name in ("localtime", "posixrules", "Factory", "right/UTC", "posix/Europe/Berlin")
    },
    "often": ("every", {"every": 5}),
    "past": ("once", {"once": "2020-01-01T00:00Z"}),
    "day": ("calendar[0]", {"calendar": ["2026-02-30"]}),
    "overlap": ("overlap", {"every": 60, "overlap": "maybe"}),
    "jitter": ("jitter", {"every": 60, "jitter": 90}),
    "expression": ("input.a[0]", {"every": 60, "input": {"a": ["$ nominal +"]}}),
    "name": ("input.a", {"every": 60, "input": {"a": "$ _.x"}}),
    "heavy": ("input.a", {"every": 60, "input": {"a": "$ json.loads(nominal)"}}),
    "message": ("message", {"every": 60, "message": "hi"}),
    "end": ("ends_at", {"every": 60, "starts_at": "2099-01-02T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_body_is_told_by_field(scheduling: Scheduling, name: str) -> None:
    field, body = WRONG[name]
    answer = scheduling.api.post("/schedules", {"name": "s", "task_id": scheduling.task, **body})
    assert answer.status_code == 422, answer.json()
    assert [each["loc"] for each in answer.json()["error"]["details"]] == [field], answer.json()
    assert not Schedule.objects.exists()


def test_what_an_expression_may_use_is_told(scheduling: Scheduling) -> None:
    """By the refusal, and on the page."""
    page = (PROJECT_ROOT / "docs/triggers/schedules.md").read_text()
    body = {"name": "s", "task_id": scheduling.task, "every": 60, "input": {"a": "$ sorted([nominal])"}}
    refused = scheduling.api.post("/schedules", body)
    (told,) = refused.json()["error"]["details"]
    assert (refused.status_code, told["loc"], told["received"]) == (422, "input.a", "$ sorted([nominal])")
    for name in light.METHODS | light.FUNCTIONS:
        assert f" {name}" in told["msg"] and f"`{name}`" in page, name
    made = scheduling.api.post("/schedules", {**body, "input": {"a": "$ [f'{n}' for n in range(len(nominal))]"}})
    assert made.status_code == 201


def test_a_schedule_begins_one_thing(scheduling: Scheduling, agent: Json) -> None:
    session = scheduling.api.post("/sessions", {"agent": agent["id"]}).json()["id"]
    bodies: list[tuple[Json, int]] = [
        ({}, 422),
        ({"task_id": scheduling.task, "session_id": session}, 422),
        ({"session_id": session}, 422),
        ({"task_id": MISSING}, 404),
        ({"session_id": MISSING, "message": "hi"}, 404),
    ]
    for body, status in bodies:
        assert scheduling.api.post("/schedules", {"name": "s", "every": 60, **body}).status_code == status, body
    path = f"/schedules/{scheduling.make(pin='version')['id']}"
    assert scheduling.api.patch(path, {"message": "hi"}).status_code == 422
    assert scheduling.api.patch(path, {"session_id": session}).status_code == 422
    changed = scheduling.api.patch(path, {"session_id": session, "message": "hi"}).json()
    told = [changed[name] for name in ("target", "task_id", "task_version", "session_id", "message", "input")]
    assert told == ["session", None, None, session, "hi", None]
    assert scheduling.api.put(path, {"name": "t"}).json()["message"] == "hi"
    back = scheduling.api.patch(path, {"task_id": scheduling.task, "input": {"n": 2}}).json()
    assert (back["target"], back["task_version"], back["input"]) == ("task", None, {"n": 2})


def test_there_are_only_so_many(scheduling: Scheduling, settings: Any) -> None:
    settings.MAX_SCHEDULES = 1
    scheduling.make()
    answer = scheduling.api.post(f"/tasks/{scheduling.task}/schedules", {"name": "s", "every": 60})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_many_schedules")


def test_schedules_of_others_look_like_none(scheduling: Scheduling, stranger: Developer) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    owned = Agent.objects.create(developer=stranger, project=project, name="Eve", canonical_name="eve")
    task = Task.objects.create(developer=stranger, agent=owned, name="t", canonical_name="t")
    times = {"every": 600, "timezone": "UTC", "anchor": database_now().isoformat()}
    foreign = Schedule.objects.create(developer=stranger, task=task, name="s", target="task", timing=times)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "t"}),
        ("PUT", "", {"name": "t", "every": 60}),
        ("DELETE", "", None),
        ("POST", "/pause", {}),
        ("POST", "/resume", None),
        ("POST", "/run", None),
        ("POST", "/backfill", {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
        ("GET", "/preview", None),
        ("GET", "/occurrences", None),
    ):
        answers = [scheduling.api.send(method, f"/schedules/{id_}{path}", body) for id_ in (foreign.pk, MISSING)]
        assert {answer.status_code for answer in answers} == {404}, (method, path)
        assert answers[0].json()["error"]["message"] == answers[1].json()["error"]["message"]
    assert scheduling.api.post("/schedules", {"name": "s", "every": 60, "task_id": str(task.pk)}).status_code == 404


def test_lists_take_as_many_queries_for_few_as_for_many(
    scheduling: Scheduling, django_assert_max_num_queries: Any
) -> None:
    made = scheduling.make(overlap="allow")
    for _ in range(5):
        scheduling.make()
    scheduling.fire(made, 1)
    Occurrence.objects.bulk_create(
        Occurrence(
            developer_id=row.developer_id,
            schedule_id=row.schedule_id,
            nominal=row.nominal - timedelta(days=n + 1),
            target="task",
            state="skipped",
            is_settled=True,
        )
        for row in scheduling.occurrences(made)
        for n in range(5)
    )
    for path in ("/schedules", f"/schedules/{made['id']}/occurrences"):
        counts = []
        for limit in ("1", "6"):
            with django_assert_max_num_queries(20) as sent:
                assert len(scheduling.api.get(path, {"limit": limit}).json()["items"]) == int(limit)
            counts.append(len(sent.captured_queries))
        assert counts[0] == counts[1], path
