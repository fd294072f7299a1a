"""Who is told to come later does so, and so does everybody with the same key. That uses up no attempts."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from executions.engine.outage import HoldUp, held_up_branches
from executions.models import Branch
from julep_project.core import brake
from julep_project.devservices.loopback import Reply
from tests.effects.conftest import api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.model_server import ModelServer, failure
from tests.loopback.web_server import WebServer

MODEL = "gpt-4o-mini"
ITEMS = 100
ASK = {"prompt": "$ f'Say {_}'", "unwrap": True}
CALL = {"tool": "world"}
OK = Reply(200, {"ok": True})


@pytest.fixture(autouse=True)
def time_stands_still(flow: FlowRunner) -> None:
    flow.time_passes = False


def started(flow: FlowRunner, main: list[Any], **task: Any) -> str:
    created = flow.create({"main": main, **task}, {"model": MODEL})
    assert created.status_code == 201, created.json()
    return str(flow.start(created.json()["id"], {})["id"])


def pauses(**rows: Any) -> list[float]:
    """Seconds until the rows are looked at again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM wake_at - now()) FROM executions_branch WHERE wake_at IS NOT NULL")
        return sorted(float(row[0]) for row in cursor.fetchall())


def let_go() -> None:
    """As if the time that was asked for had passed."""
    for key in brake._client().scan_iter(f"{brake._PREFIX}*"):
        brake._client().delete(key)


def end(flow: FlowRunner, run: str) -> dict[str, Any]:
    flow.dispatcher.run_to_rest(UUID(run))
    found: dict[str, Any] = flow.api.get(f"/executions/{run}").json()
    return found


def test_one_refusal_holds_the_whole_map_and_then_all_of_it_succeeds(
    flow: FlowRunner, model_server: ModelServer
) -> None:
    model_server.script(failure(429, "slow down", **{"Retry-After": "300"}))
    run = started(flow, [{"over": f"$ range({ITEMS})", "map": ASK, "parallelism": ITEMS}, {"evaluate": "$ len(_)"}])

    assert len(model_server.chats) == 1, "the others know from the first"
    waiting = Branch.objects.filter(status="calling", parent__isnull=False)
    assert (waiting.count(), set(waiting.values_list("effect__attempts", flat=True))) == (ITEMS, {0})
    assert [row[:2] for row in held_up_branches()] == [("the model provider", ITEMS)]
    waits = pauses()
    # What is left of it when the last one looks: the map does not take two minutes to begin.
    assert waits[0] > 180 and waits[-1] < 2 * 300
    assert waits[-1] - waits[0] > 25, "they do not come back together"
    assert len({round(wait, 3) for wait in waits}) > ITEMS * 0.9

    let_go()
    ended = end(flow, run)
    assert (ended["status"], ended["output"]) == ("succeeded", ITEMS), ended
    assert len(model_server.chats) == ITEMS + 1
    assert not any("retries" in row["metadata"] for row in flow.log(run))


def test_a_provider_that_refuses_often_uses_up_no_attempts(flow: FlowRunner, model_server: ModelServer) -> None:
    run = started_while_refused(flow, model_server, 20)

    ended = end(flow, run)
    assert (ended["status"], ended["output"]) == ("succeeded", "ok"), ended
    assert len(model_server.chats) == 21


def started_while_refused(flow: FlowRunner, model_server: ModelServer, times: int) -> str:
    model_server.script(*[failure(429, "slow down") for _ in range(times)])
    run = started(flow, [{"prompt": "Hi", "unwrap": True}])
    for _ in range(times - 1):
        let_go()
        flow.dispatcher.run_to_rest(UUID(run), max_wakes=1)
    let_go()
    return run


def test_patience_ends(flow: FlowRunner, model_server: ModelServer, settings: Any) -> None:
    settings.RATE_LIMIT_PATIENCE_S = 0
    run = started_while_refused(flow, model_server, 5)

    ended = end(flow, run)
    assert ended["status"] == "failed" and "slow down" in ended["error"]
    assert len(model_server.chats) == 5


def test_no_money_left_is_no_reason_to_wait(flow: FlowRunner, model_server: ModelServer) -> None:
    model_server.script(failure(429, "You exceeded your quota", code="insufficient_quota"))
    run = started(flow, [{"prompt": "Hi"}])
    assert end(flow, run)["status"] == "failed"
    assert len(model_server.chats) == 1


def in_a_while(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("status", "asked", "least"),
    [
        (429, {"Retry-After": "100"}, 90),
        (429, {"retry-after-ms": "100000"}, 90),
        (503, {"Retry-After": "100"}, 90),
        (429, {"Retry-After": "86400"}, 290),
        (429, {"Retry-After": in_a_while(3600)}, 290),
    ],
)
def test_a_tool_that_asks_for_a_pause_gets_it(
    flow: FlowRunner, web_server: WebServer, status: int, asked: dict[str, str], least: int
) -> None:
    tool = api_tool(web_server.script("/w", Reply(status, headers=asked), OK))
    run = started(flow, [CALL, {"evaluate": "$ _.json.ok"}], tools=[tool])

    assert (len(web_server.requests), Branch.objects.get().effect["attempts"]) == (1, 0)  # type: ignore[index]
    assert least <= pauses()[0] <= 1.5 * 300
    let_go()
    assert end(flow, run)["output"] is True


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Retry-After": "0"}, {"Retry-After": "-5"}, {"Retry-After": in_a_while(-60)}],
    ids=["none", "zero", "negative", "past"],
)
def test_a_pause_that_nobody_gave_a_name_counts_as_an_attempt(
    flow: FlowRunner, web_server: WebServer, status: int, headers: dict[str, str]
) -> None:
    tool = api_tool(web_server.script("/w", *[Reply(status, headers=headers)] * 9))
    run = started(flow, [CALL], tools=[tool])
    assert end(flow, run)["status"] == "failed"
    assert len(web_server.requests) == 5


@pytest.mark.parametrize("wait_s", [0.0, 0.001, 0.2])
def test_pauses_that_are_named_too_short_grow(wait_s: float) -> None:
    """They use up no attempts, so that a call would be made several times a second for as long as patience lasts."""
    hold_up = HoldUp("the other side of a tool", "busy", wait_s)
    assert all(hold_up.pause_s(times) >= 5 for times in range(10, 100))


def test_only_calls_with_the_same_credentials_are_held(flow: FlowRunner, web_server: WebServer) -> None:
    url = web_server.script("/w", Reply(429, headers={"Retry-After": "100"}), OK)

    def tool(key: str) -> dict[str, Any]:
        return api_tool(url, spec={"headers": {"X-Api-Key": key}})

    first, second = (started(flow, [CALL], tools=[tool("one")]) for _ in range(2))
    assert len(web_server.requests) == 1
    other = started(flow, [CALL], tools=[tool("two")])

    assert flow.api.get(f"/executions/{other}").json()["status"] == "succeeded"
    let_go()
    assert [end(flow, run)["status"] for run in (first, second)] == ["succeeded"] * 2


def test_what_must_not_be_repeated_is_not(flow: FlowRunner, web_server: WebServer) -> None:
    url = web_server.script("/w", Reply(429, headers={"Retry-After": "100"}), OK)
    tool = api_tool(url, at_most_once=True)

    first = started(flow, [CALL], tools=[tool])
    assert flow.api.get(f"/executions/{first}").json()["status"] == "failed"
    second = started(flow, [CALL], tools=[tool])
    assert len(web_server.requests) == 1, "it is held before it is sent"
    let_go()
    assert end(flow, second)["status"] == "succeeded"
