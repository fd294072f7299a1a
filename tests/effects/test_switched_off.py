"""Runs of a developer that is switched off wait, and go on when it is switched on again."""

from collections.abc import Iterator
from typing import Any

import pytest

from agents.models import Developer
from executions.engine import standing
from executions.engine.outage import held_up_branches
from executions.engine.standing import let_go_on
from executions.engine.sweep import sweep
from executions.models import Branch
from julep_project.core.process.remembered import forget_everything
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.effects.conftest import api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

CALL = {"tool": "world", "arguments": {"sum": "$ 5"}}
MAP = {"over": "$ [1, 2, 3]", "map": {"evaluate": {"n": "$ _ * 2"}}}


def switch(active: bool) -> None:
    Developer.objects.update(active=active)
    forget_everything()


@pytest.fixture
def waiting(flow: FlowRunner) -> Iterator[Any]:
    """Starts a run, and gives what is known of it at rest."""
    flow.time_passes = False

    def start(main: list[Any], agent: Any = None) -> dict[str, Any]:
        created = flow.create({"main": main}, agent)
        assert created.status_code == 201, created.json()
        return flow.start(created.json()["id"], {})

    yield start


def go_on(flow: FlowRunner, execution_id: str) -> dict[str, Any]:
    """What the keepers do once the developer is back."""
    switch(True)
    assert let_go_on() == 1
    assert let_go_on() == 0
    Branch.objects.filter(status="running").update(lease_until="2020-01-01T00:00Z")
    assert sum(sweep(flow.dispatcher).values()) == 1
    return flow.settle(execution_id)


@pytest.mark.parametrize("main", [[{"evaluate": {"n": "$ 1"}}], [MAP]])
def test_no_step_begins(flow: FlowRunner, waiting: Any, main: list[Any]) -> None:
    switch(False)
    run = waiting(main)
    branch = Branch.objects.get()
    assert (branch.attempt, branch.lease_owner, branch.held_up["by"]) == (0, None, "its developer")
    assert (run["status"], flow.log(run["id"])) == ("queued", [])
    assert [(by, number) for by, number, *_ in held_up_branches()] == [("its developer", 1)]
    assert (sweep(flow.dispatcher), let_go_on()) == ({}, 0)
    run = go_on(flow, run["id"])
    assert run["status"] == "succeeded"
    assert Branch.objects.filter(held_up__isnull=False).count() == 0


@pytest.mark.parametrize("at_most_once", [False, True])
def test_nothing_more_is_called(
    flow: FlowRunner, waiting: Any, web_server: WebServer, monkeypatch: pytest.MonkeyPatch, at_most_once: bool
) -> None:
    """The call that is under way ends and counts; the next is not made."""
    developer = Developer.objects.get()
    # What the server's thread writes, this test's transaction would not see.
    monkeypatch.setattr(standing, "find_developer", lambda _: developer)

    def answer(_: RecordedRequest) -> Reply:
        developer.active = False
        return Reply(body={"ok": True})

    url = web_server.script("/world", answer, Reply(body={"ok": True}))
    tool = api_tool(url, at_most_once=at_most_once)
    run = waiting([CALL, CALL], agent={"tools": [tool]})
    assert len(web_server.requests) == 1
    branch = Branch.objects.get()
    # What is declared `at_most_once` is recorded before any step runs, and held up there.
    stands = ("running", None) if at_most_once else ("calling", 0)
    assert (branch.status, branch.effect and branch.effect["attempts"]) == stands
    assert (branch.attempt, branch.held_up["by"]) == (0, "its developer")
    assert sweep(flow.dispatcher) == {}
    developer.active = True
    run = go_on(flow, run["id"])
    assert (run["status"], len(web_server.requests)) == ("succeeded", 2)
    assert all("retries" not in (row["metadata"] or {}) for row in flow.log(run["id"]))
