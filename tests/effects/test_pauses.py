"""What operators pause is not begun, says why, and goes on when the pause is lifted or over."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from agents.llm.own.scripted import scripted_model
from executions.engine.outage import held_up_branches
from executions.engine.standing import let_go_on
from executions.engine.sweep import sweep
from executions.models import Branch
from executions.operating import pausing
from julep_project.core.clock import now
from julep_project.core.errors import BadRequest, Conflict, NotFound
from julep_project.core.pauses import standing
from julep_project.core.pauses.models import Pause, PauseScope
from julep_project.devservices.loopback import Reply
from tests.effects.conftest import Started, api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

PAUSES = "/admin/pauses/pause/"
SAID = [{"role": "user", "content": "hi"}]


@pytest.fixture(autouse=True)
def time_stands(flow: FlowRunner) -> Iterator[None]:
    flow.time_passes = False
    standing.forget()
    yield
    standing.forget()


def pause(scope: PauseScope, key: str = "", **more: Any) -> Pause:
    row = pausing.pause(scope=scope, key=key, reason="the tide is out", **more)
    # Threads of async views have connections of their own, which do not see this transaction.
    standing.forget()
    standing.in_force()
    return row


def lift(row: Pause, flow: FlowRunner, run: dict[str, Any]) -> dict[str, Any]:
    """What the keepers do once it is over."""
    assert let_go_on() == 0
    pausing.lift(pause_id=row.pk)
    standing.forget()
    assert (let_go_on(), let_go_on()) == (1, 0)
    Branch.objects.filter(status="running").update(lease_until="2020-01-01T00:00Z")
    assert sum(sweep(flow.dispatcher).values()) == 1
    return flow.settle(run["id"])


@pytest.mark.parametrize("scope", [PauseScope.TASK, PauseScope.QUEUE])
def test_runs_stay_queued_and_say_why(flow: FlowRunner, scope: PauseScope) -> None:
    task, other = (flow.create({"main": [{"evaluate": "$ 1"}]}).json()["id"] for _ in range(2))
    row = pause(scope, task if scope is PauseScope.TASK else "engine")
    run = flow.start(task, {})
    assert (run["status"], flow.log(run["id"])) == ("queued", [])
    [(by, number, error, _)] = held_up_branches()
    assert (number, error) == (1, "the tide is out")
    assert by == (
        "the end of a pause of its task" if scope is PauseScope.TASK else "the end of a pause of the queue engine"
    )
    if scope is PauseScope.TASK:
        assert flow.start(other, {})["status"] == "succeeded"
    assert lift(row, flow, run)["output"] == 1


def test_runs_of_a_paused_task_keep_no_others_from_beginning(flow: FlowRunner, settings: Any) -> None:
    settings.TENANT_SHARE = 1
    task, other = (flow.create({"main": [{"evaluate": "$ 1"}]}).json()["id"] for _ in range(2))
    pause(PauseScope.TASK, task)
    for _ in range(3):
        assert flow.start(task, {})["status"] == "queued"
    assert flow.start(other, {})["status"] == "succeeded"


def test_calls_of_a_paused_queue(flow: FlowRunner, run: Started, web_server: WebServer) -> None:
    row = pause(PauseScope.QUEUE, "io")
    tool = api_tool(web_server.script("/w", Reply()), at_most_once=True)
    waiting = run([{"tool": "world", "arguments": {}}, {"evaluate": "$ _.status_code"}], tools=[tool])
    assert (waiting["status"], web_server.requests) == ("starting", [])
    assert Branch.objects.get().effect["attempts"] == 0
    assert lift(row, flow, waiting)["output"] == 200


def test_prompts_to_a_paused_model_wait(flow: FlowRunner, run: Started) -> None:
    row = pause(PauseScope.MODEL, "offline/echo")
    main = [{"prompt": SAID, "settings": {"model": "offline/echo"}, "unwrap": True}]
    waiting = run(main)
    assert (waiting["status"], Branch.objects.get().status) == ("starting", "calling")
    assert Branch.objects.get().effect["attempts"] == 0
    assert lift(row, flow, waiting)["status"] == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_who_asks_a_paused_model_is_told_when_to_come_again(flow: FlowRunner) -> None:
    api = flow.api
    agent = api.post("/agents", {"name": "Ada", "model": "gpt-paused"}).json()["id"]
    session = api.post("/sessions", {"agent": agent}).json()["id"]
    pause(PauseScope.MODEL, "gpt-paused")
    asked = [
        (f"/sessions/{session}/chat", {"messages": SAID}),
        (f"/sessions/{session}/chat", {"messages": SAID, "stream": True}),
        ("/responses", {"model": "gpt-paused", "input": "hi"}),
        ("/chat/completions", {"model": "gpt-paused", "messages": SAID}),
    ]
    with scripted_model(["never"]) as model:
        answers = [api.post(*each) for each in asked]
    assert model.unused == 1
    told = [(answer.status_code, answer.json()["error"]["code"], answer.headers["Retry-After"]) for answer in answers]
    assert told == [(503, "paused", "30")] * len(asked)


def test_no_new_work_is_taken(flow: FlowRunner) -> None:
    api = flow.api
    task = flow.create({"main": [{"evaluate": "$ 1"}]}).json()
    ended = flow.start(task["id"], {})
    session = api.post("/sessions", {"agent": task["agent_id"]}).json()["id"]
    pause(PauseScope.INTAKE, until=now() + timedelta(seconds=90))
    for path, body in [
        (f"/tasks/{task['id']}/executions", {"input": {}}),
        (f"/executions/{ended['id']}/retry", {"from": "start"}),
        (f"/sessions/{session}/chat", {"messages": SAID}),
        ("/responses", {"model": "offline/echo", "input": "hi"}),
        ("/chat/completions", {"model": "offline/echo", "messages": SAID}),
    ]:
        answer = api.post(path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "paused"), path
        assert 60 <= int(answer.headers["Retry-After"]) <= 90
        assert "the tide is out" in answer.json()["error"]["message"]
    assert api.get("/executions").status_code == 200


def test_a_pause_that_is_over_by_itself(flow: FlowRunner) -> None:
    task = flow.create({"main": [{"evaluate": "$ 1"}]}).json()["id"]
    row = pause(PauseScope.TASK, task, until=now() + timedelta(hours=1))
    run = flow.start(task, {})
    assert let_go_on() == 0
    Pause.objects.update(until=now() - timedelta(seconds=1))
    standing.forget()
    assert let_go_on() == 1
    # There may be another one of the same.
    assert pause(PauseScope.TASK, task).pk != row.pk
    assert (run["status"], pausing.list_pauses()[0].key) == ("queued", task)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"scope": PauseScope.INTAKE, "key": "x"}, BadRequest),
        ({"scope": PauseScope.QUEUE, "key": "maintenance"}, BadRequest),
        ({"scope": PauseScope.MODEL, "key": " "}, BadRequest),
        ({"scope": PauseScope.MODEL, "key": "\x00"}, BadRequest),
        ({"scope": PauseScope.TASK, "key": "no-uuid"}, BadRequest),
        ({"scope": PauseScope.TASK, "key": str(UUID(int=1))}, NotFound),
        ({"scope": PauseScope.INTAKE, "reason": " "}, BadRequest),
        ({"scope": PauseScope.INTAKE, "until": now() - timedelta(hours=1)}, BadRequest),
    ],
)
def test_what_cannot_be_paused(db: None, values: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        pausing.pause(**{"reason": "r", **values})
    assert not Pause.objects.exists()


def test_staff_pause_and_lift(admin_client: Client, flow: FlowRunner) -> None:
    form = {"scope": "model", "key": "m", "reason": "why", "until_0": "", "until_1": ""}
    assert admin_client.post(f"{PAUSES}add/", form).status_code == 302
    again = admin_client.post(f"{PAUSES}add/", form)
    assert "paused already" in again.content.decode()
    row = Pause.objects.get()
    assert (row.made_by, row.reason) == ("admin", "why")
    assert admin_client.post(PAUSES, {"action": "lift", "_selected_action": [str(row.pk)]}).status_code == 302
    row.refresh_from_db()
    assert row.lifted_by == "admin"
    with pytest.raises(Conflict):
        pausing.lift(pause_id=row.pk)
    acts = list(AuditRecord.objects.filter(object_kind="pause").order_by("created_at", "pk"))
    assert [(act.verb, act.actor_kind) for act in acts] == [("pause", "staff"), ("lift", "staff")]
