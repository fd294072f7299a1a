"""Tools that a person agrees to first: nothing is called that was not shown, and once for each time it was agreed."""

import hashlib
import json
from typing import Any

import pytest

from agents.audit.models import AuditRecord
from agents.llm.own.scripted import scripted_model
from agents.models import Agent, Developer, Tool, User
from executions.effects import perform
from executions.engine import dispatch
from executions.engine.advance import advance_branch
from executions.models import Branch, Execution
from executions.services import start_execution
from julep_project.devservices.loopback import Reply
from tasks.models import Task
from tests.api_client import ApiClient
from tests.effects.conftest import Started, api_tool, let_leases_run_out
from tests.flow_runner import FlowRunner, decision_about
from tests.loopback.web_server import WebServer

PARAMETERS = {"type": "object", "properties": {"amount": {"type": "number"}, "to": {"type": "string"}}}
CALL = {"tool": "world", "arguments": {"to": "$ 'Bob'", "amount": "$ 5"}}


def careful(server: WebServer, approval: str = "always", **fields: Any) -> dict[str, Any]:
    """The tool `world`, about whose calls people are asked."""
    url = server.script("/w", Reply(200, {"paid": True}))
    return api_tool(url, approval=approval, spec={"params_schema": PARAMETERS}, **fields)


def asked_in(flow: FlowRunner, execution: dict[str, Any]) -> list[dict[str, Any]]:
    return [row["output"] for row in flow.log(execution["id"]) if row["type"] == "wait"]


def answer(flow: FlowRunner, execution: dict[str, Any], value: Any, **fields: Any) -> Any:
    return flow.api.put(f"/executions/{execution['id']}", {"status": "running", "input": value, **fields})


def model_calls(*arguments: dict[str, Any]) -> dict[str, Any]:
    """A reply that calls `world` with each of these."""
    made = [{"name": "world", "arguments": json.dumps(given)} for given in arguments]
    return {"tool_calls": [{"id": f"c{n}", "type": "function", "function": call} for n, call in enumerate(made)]}


def test_a_call_waits_and_is_made_as_it_was_shown(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    execution = run([{**CALL, "label": "pay"}, {"evaluate": {"paid": "$ _.json.paid"}}], tools=[careful(web_server)])

    wait = flow.log(execution["id"])[-1]
    arguments = {"amount": 5, "to": "Bob"}
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
    assert (execution["status"], wait["step_label"]) == ("awaiting_input", "pay")
    assert wait["output"] == {
        "type": "tool_approval",
        "id": wait["id"],
        "tool": "world",
        "arguments": arguments,
        "hash": hashlib.sha256(text.encode()).hexdigest(),
        "because": "approval",
    }
    assert wait["metadata"]["task_token"]
    (listed,) = flow.api.get("/executions", {"status": "awaiting_input"}).json()["items"]
    assert listed["id"] == execution["id"]
    assert web_server.requests == []

    execution = flow.decide(execution["id"], "approve")

    assert execution["output"] == {"paid": True}
    assert [request.json() for request in web_server.requests] == [arguments]
    log = flow.log(execution["id"])
    assert [row["type"] for row in log] == ["init", "wait", "resume", "step", "finish"]
    assert log[2]["metadata"]["resumed_by"]["kind"] == "internal"
    record = AuditRecord.objects.get(verb="resume")
    assert record.after == {**decision_about(wait["output"], "approve"), "tool": "world"}


def test_what_is_denied_fails_its_step(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    caught = {"try": [CALL], "catch": [{"evaluate": {"type": "$ error.type", "message": "$ error.message"}}]}
    tools = [careful(web_server, at_most_once=True)]

    execution = flow.decide(run([caught, CALL], tools=tools)["id"], "deny", reason="too much")
    execution = flow.decide(execution["id"], "deny")

    assert [
        row["output"] for row in flow.log(execution["id"]) if row["metadata"].get("step_type") == "EvaluateStep"
    ] == [{"type": "CallDenied", "message": "denied by a person: too much"}]
    assert (execution["status"], execution["error"]) == ("failed", "denied by a person")
    assert Execution.objects.get().error_type == "CallDenied"
    assert web_server.requests == []


def test_an_answer_to_anything_else_is_refused(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    execution = run([CALL, CALL], tools=[careful(web_server)])
    (first,) = asked_in(flow, execution)
    right = decision_about(first, "approve")

    for wrong, status, told in (
        (True, 422, "input"),
        ({"decision": "approve"}, 422, "input.id"),
        ({**right, "decision": "yes"}, 422, "input.decision"),
        ({**right, "hash": "0" * 64}, 409, "approval_mismatch"),
        ({**right, "id": execution["id"]}, 409, "approval_mismatch"),
    ):
        refused = answer(flow, execution, wrong)
        error = refused.json()["error"]
        assert refused.status_code == status, error
        assert told in (error["code"], *(detail["loc"] for detail in error.get("details", ())))
    assert web_server.requests == []

    # The same call again is another one, and the first decision is not about it.
    execution = flow.resume(execution["id"], right)
    assert len(web_server.requests) == 1
    again = answer(flow, execution, right)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "approval_mismatch")
    assert asked_in(flow, execution)[1]["hash"] == first["hash"]
    assert len(web_server.requests) == 1


def test_of_two_who_answer_one_wait_one_wins(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    execution = run([{"over": "$ [1, 2]", "map": CALL}], tools=[careful(web_server)])
    first, second = [row for row in flow.log(execution["id"]) if row["type"] == "wait"]
    token = {"task_token": first["metadata"]["task_token"]}

    # Each token is for its own call.
    crossed = answer(flow, execution, decision_about(second["output"], "approve"), **token)
    assert (crossed.status_code, crossed.json()["error"]["code"]) == (409, "approval_mismatch")
    assert answer(flow, execution, decision_about(first["output"], "approve"), **token).status_code == 200
    late = answer(flow, execution, decision_about(first["output"], "deny"), **token)
    assert (late.status_code, late.json()["error"]["message"]) == (400, "This step no longer waits for input")

    flow.dispatcher.effect(Branch.objects.get(status="calling").pk)
    execution = flow.settle(execution["id"])
    assert (execution["status"], len(web_server.requests)) == ("awaiting_input", 1)
    assert flow.decide(execution["id"], "approve")["status"] == "succeeded"
    assert len(web_server.requests) == 2


def test_nothing_is_called_for_a_run_that_was_cancelled(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    execution = run([CALL], tools=[careful(web_server)])
    (asked,) = asked_in(flow, execution)
    flow.cancel(execution["id"])

    refused = answer(flow, execution, decision_about(asked, "approve"))

    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "The execution has ended: it is cancelled"
    assert flow.settle(execution["id"])["status"] == "cancelled"
    assert web_server.requests == []


def test_calls_of_a_model_wait_one_by_one_and_it_reads_what_was_denied(
    run: Started, flow: FlowRunner, web_server: WebServer
) -> None:
    main = [{"prompt": "Pay them", "auto_run_tools": True, "unwrap": True}]
    with scripted_model([model_calls({"to": "Ann"}, {"to": "Eve"}), "done"]) as model:
        execution = run(main, tools=[careful(web_server)])
        execution = flow.decide(execution["id"], "approve")
        assert [asked["arguments"] for asked in asked_in(flow, execution)] == [{"to": "Ann"}, {"to": "Eve"}]
        execution = flow.decide(execution["id"], "deny", reason="who is Eve?")

    assert execution["output"] == "done"
    assert [request.json() for request in web_server.requests] == [{"to": "Ann"}]
    assert model.requests[1].messages[-1]["content"] == "denied by a person: who is Eve?"


def test_a_call_is_hashed_as_it_is_told_and_asked_about_once(
    run: Started, flow: FlowRunner, web_server: WebServer
) -> None:
    """Right behind the model's reply it has not been read from its row yet, which writes numbers in another way."""
    main = [{"prompt": "Pay them", "auto_run_tools": True, "unwrap": True}]
    with scripted_model([model_calls({"amount": 1e22}, {"amount": -0.0}), "done"]):
        execution = run(main, tools=[careful(web_server)])
        (asked,) = asked_in(flow, execution)
        text = json.dumps(asked["arguments"], separators=(",", ":"))
        assert asked["hash"] == hashlib.sha256(text.encode()).hexdigest()
        flow.decide(execution["id"], "approve")
        assert flow.decide(execution["id"], "approve")["output"] == "done"
    assert [request.json() for request in web_server.requests] == [{"amount": 10**22}, {"amount": 0}]


@pytest.mark.parametrize(
    ("condition", "asks"),
    [
        ("amount > 4", True),
        ("amount > 5", False),
        ("to not in ['Ann', 'Bob']", False),
        ("$ arguments.get('amount', 0) >= 5", True),
        ("arguments.get('other', 0) > 5", False),
        ("to > 5", True),
        ("arguments['other']", True),
    ],
)
def test_a_condition_reads_the_arguments(run: Started, web_server: WebServer, condition: str, asks: bool) -> None:
    execution = run([CALL], tools=[careful(web_server, condition)])

    assert execution["status"] == ("awaiting_input" if asks else "succeeded")
    assert len(web_server.requests) == (not asks)


def test_what_was_agreed_to_is_not_called_with_something_else(
    run: Started, flow: FlowRunner, web_server: WebServer
) -> None:
    execution = run([CALL], tools=[careful(web_server)])
    preset = {"x-integration-args": {"world": {"to": "Eve"}}}
    Agent.objects.update(metadata=preset)

    execution = flow.decide(execution["id"], "approve")

    assert (execution["status"], web_server.requests) == ("awaiting_input", [])
    # What metadata presets is not told.
    assert asked_in(flow, execution)[1]["arguments"] == {"to": "***", "amount": 5}
    assert flow.decide(execution["id"], "approve")["status"] == "succeeded"
    assert [request.json() for request in web_server.requests] == [{"to": "Eve", "amount": 5}]


def test_the_client_gets_what_was_agreed_to(run: Started, flow: FlowRunner) -> None:
    tool = {"name": "world", "type": "function", "function": {"parameters": PARAMETERS}, "approval": "amount > 4"}
    execution = run([CALL, {"evaluate": {"paid": "$ _"}}], tools=[tool])
    assert [asked["type"] for asked in asked_in(flow, execution)] == ["tool_approval"]

    execution = flow.decide(execution["id"], "approve")

    assert asked_in(flow, execution)[1]["function"] == {"name": "world", "arguments": {"amount": 5, "to": "Bob"}}
    assert flow.resume(execution["id"], "yes")["output"] == {"paid": "yes"}
    assert flow.decide(run([CALL], tools=[tool])["id"], "deny")["error"] == "denied by a person"


def test_the_client_gets_of_a_models_calls_what_was_agreed_to(run: Started, flow: FlowRunner) -> None:
    tool = {"name": "world", "type": "function", "function": {"parameters": PARAMETERS}, "approval": "to != 'Bob'"}
    made = [{"to": "Ann"}, {"to": "Bob"}, {"to": "Eve"}]
    main = [{"prompt": "Pay them", "auto_run_tools": True, "unwrap": True}]
    with scripted_model([model_calls(*made), "done"]) as model:
        execution = flow.decide(run(main, tools=[tool])["id"], "approve")
        execution = flow.decide(execution["id"], "deny", reason="no Eve")
        handed_out = asked_in(flow, execution)[-1]
        assert [json.loads(call["function"]["arguments"]) for call in handed_out] == made[:2]
        execution = flow.resume(execution["id"], {"c0": "Ann has it", "c1": "Bob has it"})

    assert execution["output"] == "done"
    told = {message["tool_call_id"]: message["content"] for message in model.requests[1].messages[-3:]}
    assert told == {"c0": "Ann has it", "c1": "Bob has it", "c2": "denied by a person: no Eve"}


@pytest.mark.parametrize("once", [False, True])
def test_a_worker_lost_at_the_call_leaves_what_was_agreed_to(
    run: Started, flow: FlowRunner, web_server: WebServer, once: bool
) -> None:
    execution = run([CALL], tools=[careful(web_server, at_most_once=once)])
    (asked,) = asked_in(flow, execution)
    assert answer(flow, execution, decision_about(asked, "approve")).status_code == 200
    branch = Branch.objects.get()
    assert perform.claims.claim_effect(branch.pk, "lost") is not None
    # A message that comes twice.
    assert perform.claims.claim_effect(branch.pk, "lost") is None
    let_leases_run_out()

    flow.dispatcher.effect(branch.pk)
    execution = flow.settle(execution["id"])

    if once:
        assert asked_in(flow, execution)[-1]["type"] == "needs_attention"
        assert web_server.requests == []
    else:
        assert (execution["status"], len(web_server.requests)) == ("succeeded", 1)


def test_a_worker_lost_before_anybody_was_asked(flow: FlowRunner, web_server: WebServer) -> None:
    task = flow.create({"main": [CALL], "tools": [careful(web_server, at_most_once=True)]}).json()["id"]
    with dispatch.dispatching_to(flow.dispatcher):
        run = start_execution(developer=Developer.objects.get(), task=Task.objects.get(pk=task), input_={})
    branch = Branch.objects.get()
    advance_branch(branch.pk, owner="w")
    assert perform.claims.claim_effect(branch.pk, "lost") is not None
    let_leases_run_out()

    assert perform.perform_effect(branch.pk, owner="next") is not None

    execution = flow.settle(str(run.pk))
    assert [asked["type"] for asked in asked_in(flow, execution)] == ["tool_approval"]
    assert flow.decide(execution["id"], "approve")["status"] == "succeeded"


def test_operations_of_this_api_wait_however_their_arguments_are_written(run: Started, flow: FlowRunner) -> None:
    spec = {"resource": "user", "operation": "create"}
    tool = {"name": "enter", "type": "system", "system": spec, "approval": "arguments.get('name') == 'Bob'"}
    main = [{"tool": "enter", "arguments": {"data": {"name": name}}} for name in ("Ann", "Bob")]
    execution = run(main, tools=[tool])
    assert [user.name for user in User.objects.all()] == ["Ann"]
    assert flow.decide(execution["id"], "approve")["output"]["name"] == "Bob"


def test_the_method_that_a_step_chooses_is_told(run: Started, flow: FlowRunner) -> None:
    spec = {"provider": "cloudinary", "method": "media_upload"}
    tool = {"name": "media", "type": "integration", "integration": spec, "approval": "always"}
    execution = run([{"tool": "media", "method": "media_edit", "arguments": {"public_id": "a"}}], tools=[tool])
    (asked,) = asked_in(flow, execution)
    assert (asked["tool"], asked["method"], asked["arguments"]) == ("media", "media_edit", {"public_id": "a"})


def test_a_model_does_not_change_what_people_are_asked_about(run: Started) -> None:
    patch = {"resource": "agent", "subresource": "tool", "operation": "patch"}
    run([{"evaluate": {"a": "$ 1"}}])
    agent = Agent.objects.get()
    tool = Tool.objects.create(developer=agent.developer, agent=agent, name="pay", type="function", approval="always")
    given = {"agent_id": str(agent.pk), "tool_id": str(tool.pk), "approval": "never", "description": "pays"}
    call = {"id": "c1", "type": "function", "function": {"name": "change", "arguments": json.dumps(given)}}
    tools = [{"name": "change", "type": "system", "system": patch}]
    with scripted_model([{"tool_calls": [call]}, "done"]):
        execution = run([{"prompt": "Go", "auto_run_tools": True, "unwrap": True}], tools=tools)
    tool.refresh_from_db()
    assert (execution["output"], tool.approval, tool.description) == ("done", "always", "pays")


def test_a_tool_decides_nothing(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    waiting = run([CALL], tools=[careful(web_server)])
    (asked,) = asked_in(flow, waiting)
    spec = {"resource": "execution", "operation": "change_status", "resource_id": waiting["id"]}
    decides = {"name": "decides", "type": "system", "system": spec}
    arguments = {"status": "running", "input": decision_about(asked, "approve")}

    deciding = run([{"tool": "decides", "arguments": arguments}], tools=[decides])

    assert deciding["status"] == "failed"
    assert "A person has to decide" in deciding["error"]
    assert flow.settle(waiting["id"])["status"] == "awaiting_input"
    assert web_server.requests == []


def test_the_key_is_checked_kept_and_shown_where_it_says_something(flow: FlowRunner) -> None:
    api = ApiClient()
    plain = api_tool("http://example.com/w", spec={"params_schema": PARAMETERS})
    tool = {**plain, "approval": "amount > 100"}
    created = flow.create({"main": [{"evaluate": {"a": "$ 1"}}], "tools": [{**tool, "name": "own"}]}, {"tools": [tool]})
    agent = created.json()["agent_id"]
    (listed,) = api.get(f"/agents/{agent}/tools").json()["items"]
    assert listed["approval"] == "amount > 100"
    assert api.get(f"/tasks/{created.json()['id']}").json()["tools"][0]["approval"] == "amount > 100"
    path = f"/agents/{agent}/tools/{listed['id']}"
    assert api.patch(path, {"description": "pays"}).json()["approval"] == "amount > 100"
    assert "approval" not in api.patch(path, {"approval": "never"}).json()

    for approval, reason in (
        (True, None),
        ("x" * 2001, None),
        ("amount >", None),
        ("amout > 5", "did you mean 'amount'?"),
        ("state.x", "a condition reads the arguments of the call, and nothing else"),
        ("secrets.KEY == to", "a condition reads the arguments of the call, and nothing else"),
        ("shell(to)", "'shell' is no argument of the tool"),
        ("1 > 2", "reads no argument"),
        ("sum > 5", "read an argument of this name as arguments['sum']"),
        ("re.match('a*', to)", None),
        ("max(amount, 5) > 5", "a condition may use"),
    ):
        refused = api.post(f"/agents/{agent}/tools", {**plain, "name": "new", "approval": approval})
        assert refused.status_code == 422, (approval, refused.json())
        (detail,) = refused.json()["error"]["details"]
        assert detail["loc"] == "approval"
        assert (reason or "") in detail["msg"], detail
