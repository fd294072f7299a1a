"""The page of a run: its rows, values and why it stands where it stands."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.test import Client

from agents.audit.models import AuditRecord
from agents.calls.models import Call
from executions.models import Branch, Execution, Transition
from julep_project.console.sentences import Fleet, Open, sentences
from tests.console.conftest import HOSTILE, once
from tests.flow_runner import FlowRunner

NOW = datetime(2026, 11, 29, 18, 12, 4, tzinfo=UTC)
AGO, SOON = NOW - timedelta(seconds=11), NOW + timedelta(seconds=28)
UNCLEAR = {"type": "needs_attention", "tool": "pay", "arguments": {}, "reason": "worker lost"}
NOTE = {"attempt": 2, "error": "status 500", "wait_s": 3}


def branch(status: str, label: str = "charge", **more: Any) -> Open:
    return Open(**{"id": 1, "status": status, "label": label, "updated_at": AGO, "most_attempts": 5, **more})


@pytest.mark.parametrize(
    ("open_branch", "fleet", "said"),
    [
        (branch("ready"), Fleet(12), "charge waits for a worker of engine since 11 s (12 rows are before it)."),
        (branch("ready"), Fleet(), "charge waits for a worker of engine since 11 s."),
        (
            branch("running", is_held=True, lease_until=SOON),
            Fleet(),
            "A worker of engine works on charge since 11 s; its lease ends in 28 s.",
        ),
        (
            branch("running", is_held=True, lease_until=AGO),
            Fleet(),
            "The worker of engine that ran charge was lost; another one takes it over.",
        ),
        (
            branch("calling", is_held=True, lease_until=SOON, kind="model", target="gpt-4o", attempts=2),
            Fleet(),
            "A worker of io calls model gpt-4o for charge, attempt 2 of 5, since 11 s.",
        ),
        (
            branch("calling", kind="tool"),
            Fleet(is_calling=False),
            "The call of charge waits for a worker of io since 11 s. No worker of io makes a call now.",
        ),
        (
            branch("calling", wake_at=NOW + timedelta(seconds=3), attempts=2, note=NOTE),
            Fleet(),
            "charge failed 2 times (status 500); next attempt in 3.0 s, at most 5.",
        ),
        (
            branch("calling", wake_at=SOON, held_up={"by": "the model provider", "error": "slow down"}),
            Fleet(),
            "charge waits for the model provider: slow down; it is looked at again in 28 s.",
        ),
        (
            branch("sleeping", "wait for morning", wake_at=NOW + timedelta(hours=5, minutes=41)),
            Fleet(),
            "Sleeps in wait for morning until 23:53:04 UTC (in 5 h 41 min).",
        ),
        (
            branch("awaiting_input", asks={"schema": {"type": "object"}, "question": "Refund 274 EUR?"}, wake_at=SOON),
            Fleet(),
            "charge waits for an answer: “Refund 274 EUR?” since 11 s, gives up in 28 s.",
        ),
        (
            branch("awaiting_input", asks=UNCLEAR, key="k-1", kind="tool"),
            Fleet(),
            "It is unclear whether charge was carried out (worker lost). "
            "Check key k-1, then answer with its result, or cancel.",
        ),
        (
            branch("awaiting_input", asks={"type": "budget", "reason": "5 USD a day"}),
            Fleet(),
            "The call of charge waits for room in a spending limit since 11 s: 5 USD a day",
        ),
        (
            branch("joining", "describe all", children={"done": 140, "running": 12, "calling": 8, "pending": 40}),
            Fleet(),
            "describe all: 140 of 200 done, 20 run, 40 to go, 0 failed.",
        ),
        (branch("pending", "first"), Fleet(), "first waits for its turn."),
        (branch("ready", "\u202ea\nb"), Fleet(), "⟪U+202E⟫a b waits for a worker of engine since 11 s."),
    ],
)
def test_why(open_branch: Open, fleet: Fleet, said: str) -> None:
    assert [one.plain(NOW) for one in sentences([open_branch], fleet, NOW)] == [said]


def test_why_of_many_branches() -> None:
    """At most three, what a person has to do first; those that are told alike are told once."""
    many = [branch("ready", str(number)) for number in range(5)]
    told = sentences([*many, branch("joining"), *[branch("awaiting_input", "ask")] * 3], Fleet(), NOW)
    assert [(one.kind, one.more) for one in told] == [("input", 2), ("ready", 0), ("ready", 0)]


def test_a_run_that_waits_for_another_leads_there(operator: Client, flow: FlowRunner) -> None:
    flow.time_passes = False
    asking = flow.create({"name": "Ask", "main": [{"wait_for_input": {"info": {}}}]}).json()["id"]
    tool = {"name": "helper", "type": "task", "task": {"task_id": asking}}
    task = flow.create({"main": [{"tool": "helper", "arguments": {}}], "tools": [tool]}).json()["id"]
    run, called = flow.start(task, {})["id"], Execution.objects.get(task=asking)
    assert f'href="/admin/runs/{called.pk}/"' in operator.get(f"/admin/runs/{run}/head/").content.decode()


def test_how_a_run_failed(operator: Client, hostile: dict[str, Any]) -> None:
    head = operator.get(f"/admin/runs/{hostile['id']}/head/").content.decode()
    assert "Failed in" in head and "after 1 attempt" in head and "⟪U+202E⟫" in head


def test_rows_come_in_order_and_once(operator: Client, flow: FlowRunner) -> None:
    body = {"over": "$ list(range(30))", "map": {"evaluate": {"n": "$ _"}, "label": "shape"}, "label": "all"}
    run = flow.start(flow.create({"main": [body]}).json()["id"], {})
    page = f"/admin/runs/{run['id']}/rows/"
    seen: list[int] = []
    while True:
        told = operator.get(page, {"after_seq": seen[-1] if seen else 0, "limit": 7}).json()
        if not told["rows"]:
            break
        assert {row[told["columns"].index("branch")] for row in told["rows"]} <= set(told["branches"])
        seen += [row[0] for row in told["rows"]]
    assert seen == list(range(1, told["count"] + 1))
    assert (told["is_ended"], told["live"]) == (True, [])
    assert len(operator.get(page).content) < 30_000
    whole = operator.get(f"/admin/runs/{run['id']}/?format=json").json()["items"]
    assert [row["seq"] for row in whole] == seen
    assert {row["label"] for row in whole if row["type"] == "finish"} == {"all"}


def test_what_is_under_way_has_a_row(operator: Client, waiting: dict[str, Any]) -> None:
    told = operator.get(f"/admin/runs/{waiting['id']}/rows/").json()
    assert [(one["status"], one["label"]) for one in told["live"]] == [("awaiting_input", "ask a person")]
    head = operator.get(f"/admin/runs/{waiting['id']}/head/").content.decode()
    assert f"/admin/inbox/{waiting['wait_id']}/" in head and "waiting for an answer" in head


def test_a_step_with_what_it_was_given_and_gave(operator: Client, waiting: dict[str, Any]) -> None:
    def told(seq: int, tab: str) -> str:
        return operator.get(f"/admin/runs/{waiting['id']}/detail/", {"seq": seq, "tab": tab}).content.decode()

    assert "A-7" in told(2, "input") and "A-7" in told(2, "output")
    assert "$ _.order" in told(2, "summary") and "EvaluateStep" in told(2, "json")
    assert "Refund 274 EUR?" in told(3, "output")
    assert operator.get(f"/admin/runs/{waiting['id']}/value/?of=input&format=json").json() == {"order": "A-7"}
    for query in ("seq=99", "seq=2&tab=x", "seq=x"):
        assert operator.get(f"/admin/runs/{waiting['id']}/detail/?{query}").status_code in (400, 404)


def test_a_large_value_makes_no_large_page(operator: Client, flow: FlowRunner) -> None:
    task = flow.create({"main": [{"evaluate": {"x": "$ ['é' * 100000] * 40"}}]}).json()
    run = flow.start(task["id"], {})
    pages = ["", "rows/", "detail/?seq=2&tab=output", "detail/?seq=2&tab=json", "value/?seq=2&of=output", "head/"]
    for page in pages:
        assert len(operator.get(f"/admin/runs/{run['id']}/{page}").content) < 200_000
    whole = operator.get(f"/admin/runs/{run['id']}/value/?seq=2&of=output&full=1").content
    assert 500_000 < len(whole) < 1_200_000
    assert len(operator.get(f"/admin/runs/{run['id']}/value/?seq=2&of=output&format=json").json()["x"]) == 40


def test_hostile_texts_are_inert(operator: Client, hostile: dict[str, Any]) -> None:
    run = f"/admin/runs/{hostile['id']}/"
    pages = ["/admin/runs/", run, f"{run}head/", f"/admin/search/?q={hostile['id'][:8]}", "/admin/search/?q=" + HOSTILE]
    pages += [f"{run}detail/?seq={seq}&tab={tab}" for seq in (2, 3) for tab in ("summary", "input", "output", "json")]
    for page in pages:
        text = operator.get(page).content.decode()
        assert "<script>alert" not in text and "<img" not in text, page
        assert not {"\u202e", "\u2066", "\u0007"} & set(text.replace("\\u202e", "")), page
    assert "⟪U+202E⟫" in operator.get(run).content.decode()
    rows = operator.get(f"{run}rows/")
    assert rows.headers["Content-Type"] == "application/json" and json.loads(rows.content)


def test_answering(
    operator: Client, waiting: dict[str, Any], flow: FlowRunner, django_capture_on_commit_callbacks: Any
) -> None:
    page = f"/admin/inbox/{waiting['wait_id']}/"
    shown = operator.get(page)
    assert "Refund 274 EUR?" in shown.content.decode() and 'name="field-approved"' in shown.content.decode()
    form = {"digest": shown.context["digest"], "form": "fields", "field-approved": "on", "field-note": ""}
    assert operator.post(f"{page}answer/", {**form, "digest": "0" * 64}).headers["Location"] == page
    assert Branch.objects.get(execution_id=waiting["id"]).status == "awaiting_input"

    with django_capture_on_commit_callbacks(execute=True):
        answer = operator.post(f"{page}answer/", form)
    assert answer.headers["Location"] == f"/admin/runs/{waiting['id']}/"
    assert flow.settle(waiting["id"])["output"] == {"is": True}
    seq = Transition.objects.get(execution=waiting["id"], type="resume").seq
    answered = operator.get(f"/admin/runs/{waiting['id']}/detail/?seq={seq}").content.decode()
    assert "<dt>By</dt><dd><bdi>operator</bdi>" in answered
    act = AuditRecord.objects.get(verb="resume")
    assert (act.actor_kind, act.actor_label, act.object_id) == ("staff", "operator", waiting["id"])
    # Somebody else had the same page open.
    assert operator.post(f"{page}answer/", form).headers["Location"] == page
    assert "Nothing waits here any more" in operator.get(page).content.decode()
    assert AuditRecord.objects.filter(verb="resume").count() == 1


@pytest.mark.parametrize(
    ("value", "is_taken"),
    [('{"approved": false}', True), ('"no"', False), ("no", False), ("[" * 100_000, False), ("NaN", False)],
    ids=["object", "text", "no JSON", "too deep", "no number"],
)
def test_answering_with_json(operator: Client, waiting: dict[str, Any], value: str, is_taken: bool) -> None:
    page = f"/admin/inbox/{waiting['wait_id']}/"
    digest = operator.get(page).context["digest"]
    operator.post(f"{page}answer/", {"digest": digest, "value": value})
    assert (Branch.objects.get(execution_id=waiting["id"]).status != "awaiting_input") is is_taken


@pytest.mark.parametrize(
    ("assignee", "is_taken"), [("staff:operator", True), ("staff:anna", False), ("key:operator", False)]
)
def test_answering_for_somebody_else(operator: Client, flow: FlowRunner, assignee: str, is_taken: bool) -> None:
    task = flow.create({"main": [{"wait_for_input": {"info": {"assignees": assignee}}}]}).json()
    run = flow.start(task["id"], {})
    page = f"/admin/inbox/{Transition.objects.get(execution=run['id'], type='wait').pk}/"
    form = {"digest": operator.get(page).context["digest"], "value": "1"}
    told = operator.post(f"{page}answer/", form, follow=True).content.decode()
    assert ("may be answered only by" in told) is not is_taken
    assert (Branch.objects.get(execution=run["id"]).status != "awaiting_input") is is_taken


def test_cancelling(operator: Client, waiting: dict[str, Any]) -> None:
    page = f"/admin/runs/{waiting['id']}/"
    assert operator.post(f"{page}cancel/", {"reason": "wrong order"}).headers["Location"] == page
    assert Execution.objects.get(pk=waiting["id"]).status == "cancelled"
    act = AuditRecord.objects.get(verb="cancel")
    assert (act.actor_label, act.object_id) == ("operator", waiting["id"])
    again = operator.post(f"{page}cancel/", follow=True).content.decode()
    assert "has ended" in again and AuditRecord.objects.filter(verb="cancel").count() == 1


def test_trying_again(operator: Client, hostile: dict[str, Any], django_capture_on_commit_callbacks: Any) -> None:
    page = f"/admin/runs/{hostile['id']}/retry/"
    told = operator.get(page).content.decode()
    assert "rows of its log are taken along" in told and "Begin the new run" in told
    with django_capture_on_commit_callbacks(execute=True):
        answer = operator.post(f"{page}begin/", once(**{"from": "start", "input": '{"x": 7}'}))
    fresh = Execution.objects.get(retried_from=hostile["id"])
    assert (answer.headers["Location"], fresh.input) == (f"/admin/runs/{fresh.pk}/", {"x": 7})
    assert AuditRecord.objects.get(verb="retry").actor_label == "operator"
    assert str(fresh.pk) in operator.get(f"/admin/runs/{hostile['id']}/head/").content.decode()
    for wrong in ({"from": "start", "input": "{"}, {"from": str(fresh.pk)}):
        assert operator.post(f"{page}begin/", once(**wrong)).headers["Location"].startswith(page)
    assert Execution.objects.filter(retried_from=hostile["id"]).count() == 1
    assert "has not ended" in operator.get(f"/admin/runs/{fresh.pk}/retry/").content.decode()


def test_what_was_called(operator: Client, flow: FlowRunner, waiting: dict[str, Any]) -> None:
    """The calls of a step stand beside it; one is shown by the run that made it only."""
    row = Transition.objects.get(execution_id=waiting["id"], seq=2)
    call = Call.objects.get(pk=waiting["call_id"])
    at = round(call.started_at.timestamp() * 1000)
    times = {"start": at, "end": at + 9, "calls": [[at, at + 9, "ok"]]}
    fresh = Transition.objects.create(
        execution_id=row.execution_id,
        branch_id=row.branch_id,
        seq=99,
        type="step",
        current=row.current,
        metadata={"t": times},
        created_at=row.created_at,
        scope=row.scope,
    )
    told = operator.get(f"/admin/runs/{waiting['id']}/detail/?seq={fresh.seq}&tab=calls").content.decode()
    assert "look" in told and waiting["call_id"] in told
    shown = operator.get(f"/admin/runs/{waiting['id']}/calls/{call.pk}/").content.decode()
    assert "A-7" in shown and "found" in shown
    other = flow.start(waiting["task"], {"order": "B"})["id"]
    assert operator.get(f"/admin/runs/{other}/calls/{call.pk}/").status_code == 404
    Call.objects.filter(pk=call.pk).update(kind="model")
    raw = f"/admin/runs/{waiting['id']}/calls/{call.pk}/?part="
    assert operator.get(f"{raw}curl").content.decode().startswith("curl -X POST http://testserver/v1/chat/completions")
    assert operator.get(f"{raw}response").json() == "found" and operator.get(f"{raw}x").status_code == 400


def test_pages_need_no_redis(operator: Client, waiting: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: Any, **options: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(redis.connection.AbstractConnection, "connect", away)
    monkeypatch.setattr(redis.connection.AbstractConnection, "send_packed_command", away)
    run = f"/admin/runs/{waiting['id']}/"
    pages = ["", "runs/", "errors/", "inbox/", "chats/", "queues/", "bulk/", "usage/", "documents/", "health/"]
    pages += ["schedules/"]
    pages += ["controls/", "audit/", f"search/?q={run[12:20]}", f"tasks/{waiting['task']}/"]
    for page in (*(f"/admin/{page}" for page in pages), run, f"{run}head/", f"{run}rows/"):
        assert operator.get(page).status_code == 200, page


@pytest.mark.parametrize("page", ["runs/00000000-0000-0000-0000-000000000001/", "nothing/", "runs/x/"])
def test_what_is_not_there_is_a_page(operator: Client, page: str) -> None:
    answer = operator.get(f"/admin/{page}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "tried" not in answer.content.decode()


def test_names_that_a_step_could_read(operator: Client, viewer: Client, waiting: dict[str, Any]) -> None:
    path = f"/admin/runs/{waiting['id']}"
    text = operator.get(f"{path}/detail/?seq=3&tab=context").content.decode()
    assert "outputs[0]" in text and "look up" in text and "as it is now" in text and "A-7" not in text
    assert f'hx-get="{path}/value/?seq=0&amp;of=state"' in text
    for of, said in (("input", "A-7"), ("metadata", "acme"), ("state", "{}")):
        assert said in operator.get(f"{path}/value/?seq=0&of={of}").content.decode()
    assert "outputs[0]" in viewer.get(f"{path}/detail/?seq=3&tab=context").content.decode()
