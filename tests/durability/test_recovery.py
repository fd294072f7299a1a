"""Killing workers and losing Redis delays a run; it never loses or doubles a recorded step."""

from pathlib import Path
from typing import Any

import pytest

from executions.models import Branch, Execution, Transition
from executions.states import TERMINAL_EXECUTION
from julep_project.demo import load_task
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import ApiClient
from tests.backend import Backend, assert_recorded_once, flush_redis, wait_for_end, wait_until
from tests.loopback.web_server import WebServer

QUERIES = 8
ROOT = Path(__file__).parents[2]


def slow_search(request: RecordedRequest) -> Reply:
    return Reply(200, {"result": f"Found: {request.query['q']}."}, delay_s=0.15)


@pytest.fixture
def research(api: ApiClient, web_server: WebServer) -> str:
    """The demo's own task, its search slowed down so that there is a middle to be killed in. Its id."""
    web_server.script("/search", slow_search)
    agent = api.post("/agents", {"name": "Researcher", "model": "offline/echo"}).json()
    answer = api.post(f"/agents/{agent['id']}/tasks", load_task(ROOT, web_server.url))
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def start(api: ApiClient, task_id: str) -> str:
    answer = api.post(f"/tasks/{task_id}/executions", {"input": {"topic": "the sea"}})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def rows_written(execution_id: str) -> int:
    return Transition.objects.filter(execution_id=execution_id).count()


def has_ended(execution_id: str) -> bool:
    return Execution.objects.get(pk=execution_id).status in TERMINAL_EXECUTION


def some_searches_done(execution_id: str) -> bool:
    return Transition.objects.filter(execution_id=execution_id, type="finish_branch").count() >= 2


def assert_complete(execution: Execution, web_server: WebServer) -> None:
    assert execution.status == "succeeded", (execution.status, execution.error)
    assert execution.output["searches"] == QUERIES
    assert execution.output["delivered"] is True
    assert_recorded_once(execution)
    joined = Transition.objects.get(execution=execution, step_label="search")
    assert len(joined.output) == QUERIES
    assert {delivery.json()["summary"] for delivery in web_server.deliveries} == {execution.output["summary"]}


def test_a_run_goes_through_celery(api: ApiClient, research: str, backend: Backend, web_server: WebServer) -> None:
    execution = wait_for_end(start(api, research), backend)

    assert_complete(execution, web_server)
    assert len([request for request in web_server.requests if request.path == "/search"]) == QUERIES
    assert len(web_server.deliveries) == 1


@pytest.mark.parametrize("name", ["engine", "io"])
def test_a_worker_killed_in_the_middle_costs_only_time(
    api: ApiClient, research: str, backend: Backend, web_server: WebServer, name: str
) -> None:
    execution_id = start(api, research)
    wait_until(lambda: some_searches_done(execution_id), 30, backend)

    backend.kill(name)
    backend.start(name)

    assert_complete(wait_for_end(execution_id, backend), web_server)


def test_redis_flushed_again_and_again_costs_only_time(
    api: ApiClient, research: str, backend: Backend, web_server: WebServer
) -> None:
    execution_id = start(api, research)
    written = 0
    for _ in range(10):
        wait_until(lambda seen=written: rows_written(execution_id) > seen or has_ended(execution_id), 30, backend)
        written = rows_written(execution_id)
        flush_redis()

    assert_complete(wait_for_end(execution_id, backend), web_server)


def test_two_sleeping_branches_wake_in_order_and_no_worker_holds_them(api: ApiClient, backend: Backend) -> None:
    agent = api.post("/agents", {"name": "Sleeper"}).json()
    main: list[Any] = [
        {
            "over": "$ [5, 2.5]",
            "map": [{"sleep": "$ _"}, {"evaluate": "$ _"}],
        }
    ]
    task = api.post(f"/agents/{agent['id']}/tasks", {"name": "sleepers", "main": main}).json()
    execution_id = start(api, task["id"])

    wait_until(lambda: Branch.objects.filter(status="sleeping", lease_until=None).count() == 2, 30, backend)
    execution = wait_for_end(execution_id, backend)

    assert execution.output == [5, 2.5]
    ended = Transition.objects.filter(execution=execution, type="finish_branch").order_by("seq")
    assert [row.output for row in ended] == [2.5, 5]
