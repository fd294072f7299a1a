"""A storage that is away holds runs up; it uses up no attempts, loses nothing and repeats no call."""

import threading
from typing import Any
from uuid import UUID

import pytest
from django.core.files.storage import default_storage

from executions.engine.outage import held_up_branches
from executions.models import Branch, Transition
from julep_project.devservices.loopback import Reply
from tests.flow_runner import FlowRunner
from tests.loopback.bad_storage import BadStorage, failing, garbage, hanging, lying
from tests.loopback.s3_server import S3Server
from tests.loopback.web_server import WebServer
from tests.storage.conftest import give_time

# More often than a step may be attempted.
AGAIN = 8
SIZE = 40_000
MAKE = {"evaluate": {"text": f"$ 'x' * {SIZE}"}}
USE = {"evaluate": {"n": "$ len(outputs[0].text)"}}
WAIT = {"wait_for_input": {"info": {}}}


@pytest.fixture(autouse=True)
def asked_once(settings: Any, flow: FlowRunner) -> None:
    """Requests are sent once, and time passes only where a test lets it."""
    settings.FILES_S3_ATTEMPTS = 1
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    flow.time_passes = False


def started(flow: FlowRunner, main: list[Any], **task: Any) -> str:
    created = flow.create({"main": main, **task})
    assert created.status_code == 201, created.json()
    return str(flow.start(created.json()["id"], {})["id"])


def wait_out(flow: FlowRunner, run: str, times: int = AGAIN) -> dict[str, Any]:
    """Let that many pauses pass."""
    flow.dispatcher.run_to_rest(UUID(run), max_wakes=times)
    found: dict[str, Any] = flow.api.get(f"/executions/{run}").json()
    return found


def assert_held_up(run: str, times: int) -> None:
    branch = Branch.objects.get(execution=run)
    assert branch.held_up is not None
    assert (branch.held_up["by"], branch.held_up["times"], branch.attempt) == ("the file storage", times, 0)
    assert (branch.effect or {"attempts": 0})["attempts"] == 0
    assert [row[:2] for row in held_up_branches()] == [("the file storage", 1)]


def assert_ended_well(flow: FlowRunner, run: str, output: Any) -> None:
    """It went on by itself, and nothing in its log tells of the outage."""
    ended = wait_out(flow, run)
    assert (ended["status"], ended["output"]) == ("succeeded", output), ended
    rows = Transition.objects.filter(execution=run).order_by("seq")
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert not any("retries" in row.metadata for row in rows)
    assert not Branch.objects.exclude(held_up=None).exists()
    assert held_up_branches() == []


BAD = {
    "500": failing(500),
    "403": failing(403),
    "garbage": garbage,
    "short": lying(lambda size: size // 2, lambda size: size // 2),
    "cut": lying(lambda size: size, lambda size: size // 2),
}


@pytest.mark.parametrize("how", BAD)
def test_a_content_that_cannot_be_read(flow: FlowRunner, bucket: S3Server, how: str) -> None:
    run = started(flow, [MAKE, WAIT, USE])
    bucket.interpose(BadStorage(BAD[how], ["GET"]))
    flow.resume(run, {})

    assert wait_out(flow, run)["status"] == "running"
    assert_held_up(run, AGAIN + 1)
    bucket.interpose(None)
    assert_ended_well(flow, run, {"n": SIZE})


@pytest.mark.parametrize("status", [500, 507])
def test_a_content_that_cannot_be_written(flow: FlowRunner, bucket: S3Server, status: int) -> None:
    bucket.interpose(BadStorage(failing(status), ["PUT"]))
    run = started(flow, [MAKE, USE])

    wait_out(flow, run)
    assert_held_up(run, AGAIN + 1)
    bucket.interpose(None)
    assert_ended_well(flow, run, {"n": SIZE})


def test_a_storage_that_hangs(flow: FlowRunner, bucket: S3Server, settings: Any) -> None:
    run = started(flow, [MAKE, WAIT, USE])
    give_time(settings, 1)
    over = threading.Event()
    bucket.interpose(BadStorage(hanging(over), ["GET"]))
    try:
        flow.resume(run, {})
        assert_held_up(run, 1)
    finally:
        over.set()
    bucket.interpose(None)
    give_time(settings, 60)
    assert_ended_well(flow, run, {"n": SIZE})


def call(url: str, *, at_most_once: bool = False, **call: Any) -> dict[str, Any]:
    tool = {
        "name": "world",
        "type": "api_call",
        "at_most_once": at_most_once,
        "api_call": {"method": "POST", "url": url},
    }
    return {"tools": [tool], "main": [{"tool": "world", "arguments": call}, {"evaluate": "$ len(_.json.text)"}]}


@pytest.mark.parametrize("at_most_once", [False, True])
def test_an_answer_that_was_waited_for_is_not_asked_for_again(
    flow: FlowRunner, bucket: S3Server, web_server: WebServer, at_most_once: bool
) -> None:
    url = web_server.script("/large", Reply(200, {"text": "y" * SIZE}))
    bucket.interpose(BadStorage(failing(507), ["PUT"]))
    run = started(flow, **call(url, at_most_once=at_most_once))

    wait_out(flow, run)
    assert_held_up(run, AGAIN + 1)
    bucket.interpose(None)
    assert_ended_well(flow, run, SIZE)
    assert len(web_server.requests) == 1


def test_arguments_that_cannot_be_read(flow: FlowRunner, bucket: S3Server, web_server: WebServer) -> None:
    url = web_server.script("/large", Reply(200, {"text": "y"}))
    task = call(url, at_most_once=True, json={"text": "$ outputs[0].text"})
    flow.dispatcher.effect = lambda branch_id, delay_s=0: None  # type: ignore[method-assign]
    run = started(flow, [MAKE, *task["main"]], tools=task["tools"])
    del flow.dispatcher.effect
    bucket.interpose(BadStorage(failing(503), ["GET"]))

    Branch.objects.update(wake_at="2020-01-01T00:00:00Z")
    wait_out(flow, run)
    assert_held_up(run, AGAIN)
    assert len(web_server.requests) == 0
    bucket.interpose(None)
    assert_ended_well(flow, run, 1)
    assert [len(request.json()["text"]) for request in web_server.requests] == [SIZE]


def test_a_tool_of_our_own_that_needs_the_storage(flow: FlowRunner, bucket: S3Server) -> None:
    other = started(flow, [MAKE])
    tool = {"name": "look", "type": "system", "system": {"resource": "execution", "operation": "get"}}
    step = {"tool": "look", "arguments": {"execution_id": other}}
    bucket.interpose(BadStorage(failing(503), ["GET"]))
    run = started(flow, [step, {"evaluate": "$ len(_.output.text)"}], tools=[tool])

    wait_out(flow, run)
    assert_held_up(run, AGAIN + 1)
    bucket.interpose(None)
    assert_ended_well(flow, run, SIZE)


def test_every_item_of_a_map_waits(flow: FlowRunner, bucket: S3Server) -> None:
    bucket.interpose(BadStorage(failing(503), ["PUT"]))
    main = [
        {"over": "$ range(3)", "map": {"evaluate": f"$ 'x' * {SIZE} + str(_)"}},
        {"evaluate": "$ [len(x) for x in _]"},
    ]
    run = started(flow, main)

    wait_out(flow, run, 3 * AGAIN)
    assert sorted(Branch.objects.filter(parent__isnull=False).values_list("status", "attempt")) == [("running", 0)] * 3
    bucket.interpose(None)
    assert_ended_well(flow, run, [SIZE + 1] * 3)


def test_a_content_that_is_gone_fails_its_step_once_and_for_all(flow: FlowRunner, bucket: S3Server) -> None:
    caught = {"try": [USE], "catch": [{"evaluate": "$ error.type"}]}
    for use, ended in ((USE, ("failed", None)), (caught, ("succeeded", "ContentMissing"))):
        run = started(flow, [MAKE, {"evaluate": {"small": "$ 1"}}, WAIT, use])
        for content in default_storage.bucket.objects.all():  # type: ignore[attr-defined]
            content.delete()
        flow.resume(run, {})
        after = wait_out(flow, run)
        assert (after["status"], after["output"]) == ended, after


def test_a_branch_whose_own_values_are_gone_fails(flow: FlowRunner, bucket: S3Server) -> None:
    main = [{"foreach": {"in": "$ range(1)", "do": [{"evaluate": f"$ 'x' * {SIZE}"}, WAIT, {"evaluate": "$ _"}]}}]
    run = started(
        flow, [MAKE, {"workflow": "inner", "arguments": {"text": "$ _.text"}}], inner=[WAIT, {"evaluate": "$ 1"}]
    )
    assert flow.api.get(f"/executions/{run}").json()["status"] == "awaiting_input", main
    for content in default_storage.bucket.objects.all():  # type: ignore[attr-defined]
        content.delete()

    flow.resume(run, {})

    ended = wait_out(flow, run)
    assert (ended["status"], ended["error"]) == ("failed", "A stored content cannot be read")
