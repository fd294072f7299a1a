"""What a run's rows say of how it ended, of what it waits for, and of when things happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executions.models import Execution, Transition
from executions.states import TransitionType
from julep_project.devservices.loopback import Reply
from tests.effects.conftest import api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

CALL = {"tool": "world", "label": "charge"}
QUICK = {"max_attempts": 3, "initial_s": 1}


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]


def started(flow: FlowRunner, main: list[Any], tools: list[Any] | None = None, input_: Any = None) -> Execution:
    created = flow.create({"main": main, "tools": tools or []})
    assert created.status_code == 201, created.json()
    return Execution.objects.get(pk=flow.start(created.json()["id"], input_ or {})["id"])


def times(run: Execution, type_: TransitionType) -> dict[str, Any]:
    found: dict[str, Any] = Transition.objects.get(execution=run, type=type_).metadata["t"]
    return found


def test_a_failed_run_says_what_failed_it(flow: FlowRunner, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", Reply(422, "no such order: 81723")))

    run = started(flow, [{"evaluate": {"a": "$ 1"}}, CALL], [tool])

    assert (run.status, run.error_type, run.error_step) == ("failed", "ToolError", "charge")
    error = Transition.objects.get(execution=run, type="error")
    assert error.step_label == "charge" and run.ended_at is not None
    assert abs(run.ended_at - error.created_at) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("order 17 of 'Ann' is late", "order 4,711 of 'Bob' is late", True),
        ("GET http://10.0.0.1/a?b=1 gave 500", "GET https://example.com/ gave 500", True),
        ("mail to ann@example.com bounced", "mail to b.o-b@example.org bounced", True),
        (f"no user {'0' * 8}-aaaa", "no user 4f2c9d1e-beef", True),
        ("order 17 is late", "order 17 is lost", False),
    ],
)
def test_the_same_fault_is_known_again(flow: FlowRunner, one: str, other: str, is_same: bool) -> None:
    created = flow.create({"main": [{"foreach": {"in": "$ _.texts", "do": {"error": "$ _"}}}]})

    for text in ([one], [other]):
        flow.start(created.json()["id"], {"texts": text})

    first, second = Execution.objects.values_list("error_hash", flat=True)
    assert first is not None and len(first) == 16 and (first == second) is is_same
    assert {run.error_step for run in Execution.objects.all()} == {"main[0].do[0]"}


def test_other_ends_say_when_they_came(flow: FlowRunner) -> None:
    done = started(flow, [{"evaluate": {"a": "$ 1"}}])
    waiting = started(flow, [{"wait_for_input": {"info": {"q": "who?"}}, "label": "ask"}])
    assert (waiting.ended_at, Transition.objects.get(type="wait").step_label) == (None, "ask")

    flow.cancel(str(waiting.pk))

    waiting.refresh_from_db()
    for run in (done, waiting):
        assert run.ended_at is not None and run.ended_at == run.updated_at
        assert (run.error_type, run.error_step, run.error_hash) == (None, None, None)


def test_a_sleeping_run_says_until_when(flow: FlowRunner) -> None:
    flow.time_passes = False
    run = started(flow, [{"sleep": {"hours": 6}}, {"evaluate": {"a": "$ 1"}}])

    told = flow.api.get(f"/executions/{run.pk}").json()
    assert told["status"] == "starting" and run.asleep_until is not None
    assert told["status_detail"] == f"sleeping until {run.asleep_until.isoformat(timespec='milliseconds')[:-6]}Z"
    assert timedelta(hours=5, minutes=59) < run.asleep_until - datetime.now(UTC) <= timedelta(hours=6)

    flow.time_passes = True
    ended = flow.settle(str(run.pk))
    assert (ended["status"], "status_detail" in ended) == ("succeeded", False)


def test_a_step_says_when_its_calls_were_made(flow: FlowRunner, web_server: WebServer) -> None:
    tool = api_tool(web_server.script("/w", Reply(503), Reply(200, {}, delay_s=0.05)))

    run = started(flow, [{**CALL, "retry": QUICK}, {"evaluate": {"a": "$ 1"}}], [tool])

    found = times(run, TransitionType.STEP)
    failed, answered = found["calls"]
    assert (failed[2], answered[2]) == ("ToolError", "ok")
    assert found["ready"] <= found["start"] == failed[0] <= failed[1] <= answered[0]
    assert answered[0] + 50 <= answered[1] <= found["end"]
    begun = times(run, TransitionType.INIT)
    assert begun["ready"] <= begun["start"] <= begun["end"] <= found["ready"]
    log = flow.log(str(run.pk))
    assert not any("t" in row["metadata"] for row in log)
    assert [set(note) for row in log for note in row["metadata"].get("retries", ())] == [{"attempt", "error", "wait_s"}]
