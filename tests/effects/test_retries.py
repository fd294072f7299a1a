"""What is tried again, how often, and what the log tells of it."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import DataError

from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from executions.effects import perform
from executions.effects.retry import MAX_NOTES, MAX_REASON, Refusal, RetryPolicy, notes_after, notes_of
from executions.engine import dispatch
from executions.engine.advance import advance_branch
from executions.engine.rows import claims
from executions.models import Branch
from executions.services import start_execution
from julep_project.core.errors import ModelRefused, ModelUnavailable
from julep_project.devservices.loopback import Reply
from tasks.models import Task
from tests.effects.conftest import Started, api_tool, let_leases_run_out
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

OK = Reply(200, {"ok": True})
CALL = {"tool": "world", "arguments": {}}
QUICK = {"max_attempts": 3, "initial_s": 1, "backoff": 2}


def attempts(web_server: WebServer) -> int:
    return len([request for request in web_server.requests if request.path == "/w"])


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504, 524])
def test_statuses_that_may_pass_are_tried_again_by_themselves(run: Started, web_server: WebServer, status: int) -> None:
    tool = api_tool(web_server.script("/w", Reply(status), OK))

    assert run([CALL], tools=[tool])["status"] == "succeeded"
    assert attempts(web_server) == 2


@pytest.mark.parametrize(("method", "expected"), [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
def test_500_is_tried_again_where_a_second_request_does_no_harm(
    run: Started, web_server: WebServer, method: str, expected: int
) -> None:
    tool = api_tool(web_server.script("/w", Reply(500), OK), spec={"method": method})

    run([CALL], tools=[tool])

    assert attempts(web_server) == expected


@pytest.mark.parametrize(
    ("status", "by_default", "with_retry"),
    [(500, 1, 3), (501, 1, 3), (302, 1, 3), (400, 1, 1), (401, 1, 1), (404, 1, 1)],
)
def test_a_retry_of_the_steps_own_covers_all_but_refused_requests(
    run: Started, web_server: WebServer, status: int, by_default: int, with_retry: int
) -> None:
    tool = api_tool(web_server.script("/w", Reply(status)))

    assert run([CALL], tools=[tool])["status"] == "failed"
    assert attempts(web_server) == by_default
    assert run([{**CALL, "retry": QUICK}], tools=[tool])["status"] == "failed"
    assert attempts(web_server) == by_default + with_retry


def test_bad_input_and_forbidden_addresses_are_never_tried_again(run: Started, settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = []
    step = {**CALL, "retry": QUICK}
    for tool in (api_tool("http://127.0.0.1:9/w"), api_tool("http://127.0.0.1:9/w", spec={"url": "$ 1"})):
        execution = run([step], tools=[tool])
        assert execution["status"] == "failed"
    assert Branch.objects.filter(status="calling").count() == 0


def test_an_answer_that_does_not_fit_the_schema_is_tried_again_on_request(run: Started, web_server: WebServer) -> None:
    url = web_server.script("/w", Reply(200, {}), OK)
    tool = api_tool(url, spec={"schema": {"type": "object", "required": ["ok"]}})

    assert run([{**CALL, "retry": QUICK}], tools=[tool])["status"] == "succeeded"


def test_the_log_tells_of_each_failed_attempt_and_its_pause(
    run: Started, flow: FlowRunner, web_server: WebServer
) -> None:
    tool = api_tool(web_server.script("/w", Reply(503, "busy"), Reply(429), OK))

    execution = run([{**CALL, "retry": QUICK}, {"evaluate": {"done": "$ 1"}}], tools=[tool])

    init, called, finish = flow.log(execution["id"])
    retries = called["metadata"]["retries"]
    assert [(note["attempt"], note["error"]) for note in retries] == [
        (1, "POST was answered with status 503: busy"),
        (2, "POST was answered with status 429"),
    ]
    assert 0.5 <= retries[0]["wait_s"] <= 1 <= retries[1]["wait_s"] <= 2
    assert "retries" not in finish["metadata"] and "retries" not in init["metadata"]


def test_an_error_row_tells_them_too(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", Reply(503), Reply(503), Reply(404)))

    execution = run([{**CALL, "retry": QUICK}], tools=[tool])

    error = flow.log(execution["id"])[-1]
    assert (error["type"], error["output"]) == ("error", "POST was answered with status 404")
    assert [note["attempt"] for note in error["metadata"]["retries"]] == [1, 2]


def test_a_caught_failure_keeps_its_notes(run: Started, flow: FlowRunner, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", Reply(503), Reply(404)))

    execution = run([{"try": [CALL], "catch": {"evaluate": {"why": "$ error.message"}}}], tools=[tool])

    assert execution["output"] == {"why": "POST was answered with status 404"}
    (caught,) = [row for row in flow.log(execution["id"]) if row["metadata"].get("caught")]
    assert len(caught["metadata"]["retries"]) == 1


def test_a_prompt_with_tool_rounds_collects_the_notes_of_all_its_calls(
    run: Started, flow: FlowRunner, web_server: WebServer
) -> None:
    tool = api_tool(web_server.script("/w", Reply(503), OK))
    call = {"id": "c1", "type": "function", "function": {"name": "world", "arguments": "{}"}}
    with scripted_model([ModelUnavailable("overloaded"), {"tool_calls": [call]}, "done"]):
        execution = run([{"prompt": "Go", "auto_run_tools": True, "unwrap": True}], tools=[tool])

    assert execution["output"] == "done"
    notes = flow.log(execution["id"])[-1]["metadata"]["retries"]
    assert [note["error"] for note in notes] == ["overloaded", "POST was answered with status 503"]


def test_a_model_that_refuses_is_not_asked_again(run: Started) -> None:
    with scripted_model([ModelRefused("no such model"), "never said"]) as model:
        assert run([{"prompt": "Hi", "retry": QUICK}])["error"] == "no such model"
    assert model.unused == 1


def test_a_steps_timeout_bounds_a_call(run: Started, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", Reply(200, "late", delay_s=2.0)))

    execution = run([{**CALL, "timeout": 0.2, "retry": {"max_attempts": 1}}], tools=[tool])

    assert "within 0.2 s" in execution["error"]


def test_an_attempt_that_lost_its_worker_is_noted(flow: FlowRunner, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", OK))
    task = flow.create({"main": [CALL], "tools": [tool]}).json()["id"]
    with dispatch.dispatching_to(flow.dispatcher):
        execution = start_execution(developer=Developer.objects.get(), task=Task.objects.get(pk=task), input_={})
    branch = Branch.objects.get()
    advance_branch(branch.pk, owner="w")
    assert claims.claim_effect(branch.pk, "the same message") is not None
    let_leases_run_out()

    perform.perform_effect(branch.pk, owner="the same message")
    flow.dispatcher.advance(branch.pk)
    flow.settle(str(execution.pk))

    notes = flow.log(str(execution.pk))[-1]["metadata"]["retries"]
    assert notes == [{"attempt": 1, "error": "the worker was lost", "wait_s": 0}]


def test_a_call_whose_slice_cannot_be_committed_is_repeated_once(
    flow: FlowRunner, web_server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = flow.create({"main": [CALL], "tools": [api_tool(web_server.script("/w", OK))]}).json()["id"]
    with dispatch.dispatching_to(flow.dispatcher):
        start_execution(developer=Developer.objects.get(), task=Task.objects.get(pk=task), input_={})
    branch = Branch.objects.get()
    advance_branch(branch.pk, owner="w")

    def refused(*given: Any, **more: Any) -> None:
        raise DataError("this cannot be committed")

    monkeypatch.setattr(perform, "run_slice", refused)
    with pytest.raises(DataError):
        perform.perform_effect(branch.pk, owner="first")
    let_leases_run_out()
    perform.perform_effect(branch.pk, owner="second")

    branch.refresh_from_db()
    assert (branch.status, attempts(web_server)) == ("ready", 2)
    assert branch.event is not None and branch.event["value"]["json"] == {"ok": True}


def test_notes_are_few_and_short() -> None:
    effect: dict[str, Any] = {"attempts": 1}
    for attempt in range(1, 60):
        effect = {"attempts": attempt, "retries": notes_after({**effect, "attempts": attempt}, REFUSAL, 1)}

    notes = notes_of({**effect, "attempts": 60})
    assert len(notes) == MAX_NOTES
    assert notes[-1] == {"attempt": 59, "error": "x" * MAX_REASON, "wait_s": 1}


REFUSAL = Refusal("x" * 5000, "ToolError", retryable=True, repeatable=True)


def test_pauses_grow_up_to_their_limit() -> None:
    policy = RetryPolicy.of({"retry": {"max_attempts": 9, "initial_s": 2, "backoff": 3, "max_s": 20}})

    for attempt, longest in enumerate((2, 6, 18, 20), 1):
        assert all(longest / 2 <= policy.wait_s(attempt, REFUSAL) <= longest for _ in range(50))
    asked = replace(REFUSAL, wait_s=30)
    assert all(30 <= policy.wait_s(1, asked) <= 45 for _ in range(50))


def test_a_call_cannot_ask_for_more_time_than_a_message_has(run: Started, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", OK))

    execution = run([{**CALL, "arguments": {"timeout": 100_000}}], tools=[tool])

    assert execution["error"] == "timeout must be a number of seconds above 0 and at most 255"
