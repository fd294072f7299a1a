"""Creates the task of a program, runs it, answers its waits, and compares what came of it with what it promises."""

from collections.abc import Mapping
from typing import Any

from agents.llm.own.scripted import Reply, scripted_model
from julep_project.core.errors import ModelUnavailable
from julep_project.devservices import loopback
from tests.flow_runner import FlowRunner
from tests.flows.expectations import check_asked, check_docs, check_refusal, check_run, check_task
from tests.loopback.web_server import WebServer


def play(program: Mapping[str, Any], flow: FlowRunner) -> None:
    """Play one program whole."""
    expect = program["expect"]
    task = program.get("task") or {"main": program["main"]}
    answer = flow.create(task, program.get("agent"))
    if "refused" in expect:
        check_refusal(answer, expect)
        return
    assert answer.status_code == 201, answer.json()
    check_task(answer.json(), expect)
    flow.time_passes = program.get("clock") != "stands"
    with scripted_model(map(_reply, program.get("replies", []))) as model:
        execution = _answer_waits(program, flow, answer.json()["id"])
    assert model.unused == 0, f"the program asked the model less often than scripted: {execution}"
    check_asked(model.requests, expect)
    check_run(execution, flow.log(execution["id"]), expect)
    if "docs" in expect:
        check_docs(flow.api.get(f"/agents/{answer.json()['agent_id']}/docs").json()["items"], expect["docs"])


def script_web(server: WebServer, web: Mapping[str, Any]) -> None:
    """Let the server answer as a program says: by path, one or a list."""
    for path, replies in web.items():
        server.script(
            path, *(loopback.Reply(**reply) for reply in ([replies] if isinstance(replies, dict) else replies))
        )


def _answer_waits(program: Mapping[str, Any], flow: FlowRunner, task_id: str) -> dict[str, Any]:
    """The run after all answers that the program has for it."""
    execution = flow.start(task_id, program.get("input", {}), program.get("metadata"))
    for value in program.get("resume", []):
        assert execution["status"] == "awaiting_input", execution
        execution = flow.resume(execution["id"], value)
    for shown, value in program.get("answers", []):
        assert execution["status"] == "awaiting_input", execution
        execution = flow.resume_wait(execution["id"], shown, value)
    for decision in program.get("decide", []):
        assert execution["status"] == "awaiting_input", execution
        decided = {"decision": decision} if isinstance(decision, str) else decision
        execution = flow.decide(execution["id"], **decided)
    if program.get("cancel"):
        execution = flow.cancel(execution["id"])
    return execution


def _reply(scripted: Any) -> Reply:
    if isinstance(scripted, dict) and "unavailable" in scripted:
        return ModelUnavailable(scripted["unavailable"])
    reply: Reply = scripted
    return reply
