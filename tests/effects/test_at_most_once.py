"""Tools that must not be called twice: an unclear outcome becomes a person's question."""

from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from executions.effects import perform
from executions.engine import dispatch
from executions.engine.advance import advance_branch
from executions.engine.rows import claims, store
from executions.models import Branch, Execution
from executions.services import start_execution
from julep_project.devservices.loopback import Reply
from julep_project.devservices.ports import free_port
from tasks.models import Task
from tests.api_client import ApiClient
from tests.effects.conftest import Started, api_tool, let_leases_run_out
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

CALL = {"tool": "world", "arguments": {"sum": "$ 5"}}


def once(url: str, **fields: Any) -> dict[str, Any]:
    return api_tool(url, at_most_once=True, **fields)


def late(web_server: WebServer) -> str:
    return web_server.script("/w", Reply(200, "late", delay_s=20.0))


def counters(execution: dict[str, Any]) -> tuple[int, int]:
    row = Execution.objects.get(pk=execution["id"])
    return row.runnable, row.open_waits


def test_a_call_without_an_answer_waits_for_a_person_whose_answer_is_the_result(
    run: Started, flow: FlowRunner, web_server: WebServer
) -> None:
    main = [{**CALL, "timeout": 0.5}, {"evaluate": {"paid": "$ _.json.paid", "input": "$ inputs[1].json.paid"}}]
    execution = run(main, tools=[once(late(web_server))])

    assert execution["status"] == "awaiting_input"
    assert counters(execution) == (0, 1)
    wait = flow.log(execution["id"])[-1]
    assert (wait["type"], wait["output"]["type"], wait["output"]["tool"]) == ("wait", "needs_attention", "world")
    assert wait["output"]["arguments"] == {"sum": 5}
    assert "within 0.5 s" in wait["output"]["reason"]
    assert wait["output"]["idempotency_key"] == web_server.requests[0].headers["idempotency-key"]

    execution = flow.resume(execution["id"], {"json": {"paid": True}})

    assert execution["output"] == {"paid": True, "input": True}
    assert [row["type"] for row in flow.log(execution["id"])] == ["init", "wait", "resume", "step", "finish"]
    assert len(web_server.requests) == 1
    assert counters(execution) == (0, 0)
    assert Branch.objects.get().effect is None


def test_a_person_may_cancel_instead(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    execution = run([{**CALL, "timeout": 0.5}], tools=[once(late(web_server))])

    answer = flow.api.put(f"/executions/{execution['id']}", {"status": "cancelled"})

    assert answer.json()["status"] == "cancelled"
    assert Branch.objects.get().status == "cancelled"
    assert len(web_server.requests) == 1


@pytest.mark.parametrize("status", [502, 504, 524])
def test_a_proxy_that_lost_the_request_is_no_answer(run: Started, web_server: WebServer, status: int) -> None:
    execution = run([CALL], tools=[once(web_server.script("/w", Reply(status)))])

    assert execution["status"] == "awaiting_input"


@pytest.mark.parametrize("status", [429, 500, 503, 400])
def test_a_call_that_was_answered_fails_and_is_not_repeated(run: Started, web_server: WebServer, status: int) -> None:
    tool = once(web_server.script("/w", Reply(status)))

    assert run([{**CALL, "retry": {"max_attempts": 3}}], tools=[tool])["status"] == "failed"
    assert len(web_server.requests) == 1


def test_a_call_that_was_never_sent_is_tried_again(run: Started, flow: FlowRunner) -> None:
    execution = run([{**CALL, "retry": {"max_attempts": 3}}], tools=[once(f"http://127.0.0.1:{free_port()}/w")])

    assert execution["status"] == "failed"
    assert [note["attempt"] for note in flow.log(execution["id"])[-1]["metadata"]["retries"]] == [1, 2]


def test_a_redirect_to_nowhere_leaves_it_open_what_the_first_place_did(run: Started, web_server: WebServer) -> None:
    nowhere = {"Location": f"http://127.0.0.1:{free_port()}/x"}
    tool = once(web_server.script("/w", Reply(303, "", nowhere)), spec={"follow_redirects": True})

    assert run([CALL], tools=[tool])["status"] == "awaiting_input"


def test_a_worker_lost_in_the_middle(flow: FlowRunner, web_server: WebServer) -> None:
    task = flow.create({"main": [CALL], "tools": [once(web_server.script("/w", Reply(200)))]}).json()["id"]
    with dispatch.dispatching_to(flow.dispatcher):
        started = start_execution(developer=Developer.objects.get(), task=Task.objects.get(pk=task), input_={})
    branch = Branch.objects.get()
    advance_branch(branch.pk, owner="w")
    lost = claims.claim_effect(branch.pk, "the same message")
    assert lost is not None
    let_leases_run_out()

    assert perform.perform_effect(branch.pk, owner="the same message") is not None

    assert web_server.requests == []
    execution = flow.settle(str(started.pk))
    assert execution["status"] == "awaiting_input"
    assert flow.log(execution["id"])[-1]["output"]["reason"] == "the worker was lost while it called the tool"
    assert not store.commit_effect(lost, {"kind": "effect", "value": "late"})
    assert flow.resume(execution["id"], {"done": 1})["output"] == {"done": 1}
    notes = flow.log(execution["id"])[-1]["metadata"]["retries"]
    assert notes == [{"attempt": 1, "error": "the worker was lost", "wait_s": 0}]


def test_a_message_that_comes_twice_leaves_the_call_under_way_alone(flow: FlowRunner, web_server: WebServer) -> None:
    task = flow.create({"main": [CALL], "tools": [once(web_server.script("/w", Reply(200)))]}).json()["id"]
    with dispatch.dispatching_to(flow.dispatcher):
        started = start_execution(developer=Developer.objects.get(), task=Task.objects.get(pk=task), input_={})
    branch = Branch.objects.get()
    advance_branch(branch.pk, owner="w")
    under_way = claims.claim_effect(branch.pk, "the same message")
    assert under_way is not None

    perform.perform_effect(branch.pk, owner="the same message")

    assert Execution.objects.get(pk=started.pk).open_waits == 0
    assert store.commit_effect(under_way, {"kind": "effect", "value": "in time"})


def test_arms_wait_one_by_one_and_the_run_goes_on_when_all_are_answered(
    run: Started, flow: FlowRunner, web_server: WebServer
) -> None:
    main = [{"over": "$ [1, 2]", "map": {**CALL, "timeout": 0.5}}]
    execution = run(main, tools=[once(late(web_server))])

    assert counters(execution) == (0, 2)
    waits = [row for row in flow.log(execution["id"]) if row["type"] == "wait"]
    for place, wait in enumerate(waits):
        token = wait["metadata"]["task_token"]
        answer = flow.api.post("/executions/resume", {"task_token": token, "input": {"n": place}})
        assert answer.status_code == 200, answer.json()
        branch = Branch.objects.get(wait_id=None, status="ready")
        flow.dispatcher.advance(branch.pk)
        flow.settle(execution["id"])

    ended = flow.settle(execution["id"])
    assert ended["status"] == "succeeded"
    assert sorted(item["n"] for item in ended["output"]) == [0, 1]


def test_the_answer_goes_on_with_a_models_conversation(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "world", "arguments": "{}"}}
    main = [{"prompt": "Pay", "auto_run_tools": True, "unwrap": True, "timeout": 0.5}]
    with scripted_model([{"tool_calls": [call]}, "paid"]) as model:
        execution = run(main, tools=[once(late(web_server))])
        assert execution["status"] == "awaiting_input"
        execution = flow.resume(execution["id"], {"receipt": 7})

    assert execution["output"] == "paid"
    assert model.requests[1].messages[-1] == {"role": "tool", "tool_call_id": "c1", "content": '{"receipt": 7}'}


def test_a_tool_that_may_be_repeated_is(run: Started, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", Reply(502), Reply(200, {"ok": 1})), at_most_once=False)

    assert run([CALL], tools=[tool])["status"] == "succeeded"


def test_the_key_round_trips_on_agent_and_task_tools(flow: FlowRunner) -> None:
    api = ApiClient()
    tool = once("http://example.com/w")
    created = flow.create({"main": [{"evaluate": {"a": "$ 1"}}], "tools": [{**tool, "name": "own"}]}, {"tools": [tool]})
    agent = created.json()["agent_id"]

    (listed,) = api.get(f"/agents/{agent}/tools").json()["items"]
    assert listed["at_most_once"] is True
    assert api.get(f"/tasks/{created.json()['id']}").json()["tools"][0]["at_most_once"] is True

    kept = api.patch(f"/agents/{agent}/tools/{listed['id']}", {"description": "pays"}).json()
    assert kept["at_most_once"] is True
    changed = api.patch(f"/agents/{agent}/tools/{listed['id']}", {"at_most_once": False}).json()
    assert "at_most_once" not in changed
    refused = api.patch(f"/agents/{agent}/tools/{listed['id']}", {"at_most_once": "yes"})
    assert refused.status_code == 422
