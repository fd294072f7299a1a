"""Killing workers and losing Redis delays a run; it never loses or doubles a recorded step."""

from typing import Any

import pytest

from executions.models import Branch, Execution, Transition
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.backend import Backend, assert_recorded_once, flush_redis, wait_for_end, wait_until
from tests.loopback.web_server import WebServer

QUERIES = 12


@pytest.fixture
def research(api: ApiClient, web_server: WebServer) -> str:
    """A task of the demo's shape: evaluate, a map of HTTP calls, evaluate, a delivery. Its id."""
    web_server.script("/slow", Reply(200, {"hits": 1}, delay_s=0.1))
    agent = api.post("/agents", {"name": "Researcher"}).json()
    call = {"type": "api_call", "api_call": {"method": "GET", "url": f"{web_server.url}/slow"}}
    deliver = {"type": "api_call", "api_call": {"method": "POST", "url": f"{web_server.url}/webhook"}}
    task = {
        "name": "research",
        "tools": [{"name": "search", **call}, {"name": "deliver", **deliver}],
        "main": [
            {"evaluate": {"queries": f"$ [_.topic + str(n) for n in range({QUERIES})]"}},
            {
                "over": "$ _.queries",
                "map": {"tool": "search", "arguments": {"params": {"q": "$ _"}}},
                "parallelism": 3,
            },
            {"evaluate": {"found": "$ len(_)"}},
            {"tool": "deliver", "arguments": {"json": {"found": "$ _.found"}}},
            {"evaluate": {"status": "$ _.status_code"}},
        ],
    }
    answer = api.post(f"/agents/{agent['id']}/tasks", task)
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def start(api: ApiClient, task_id: str) -> str:
    answer = api.post(f"/tasks/{task_id}/executions", {"input": {"topic": "sea"}})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def some_searches_done(execution_id: str) -> bool:
    return Transition.objects.filter(execution_id=execution_id, type="finish_branch").count() >= 3


def assert_complete(execution: Execution) -> None:
    assert execution.status == "succeeded", (execution.status, execution.error)
    assert execution.output == {"status": 200}
    assert_recorded_once(execution)
    (joined,) = Transition.objects.filter(execution=execution, current__step=1, current__workflow="main", type="step")
    assert len(joined.output) == QUERIES


def test_a_run_goes_through_celery_and_keeps_to_its_parallelism(
    api: ApiClient, research: str, backend: Backend, web_server: WebServer
) -> None:
    execution = wait_for_end(start(api, research), backend)

    assert_complete(execution)
    assert len([request for request in web_server.requests if request.path == "/slow"]) == QUERIES
    assert len([request for request in web_server.requests if request.path == "/webhook"]) == 1


@pytest.mark.parametrize("name", ["engine", "io"])
def test_a_worker_killed_in_the_middle_costs_only_time(
    api: ApiClient, research: str, backend: Backend, name: str
) -> None:
    execution_id = start(api, research)
    wait_until(lambda: some_searches_done(execution_id), 30, backend)

    backend.kill(name)
    backend.start(name)

    assert_complete(wait_for_end(execution_id, backend))


def test_redis_flushed_in_the_middle_costs_only_time(api: ApiClient, research: str, backend: Backend) -> None:
    execution_id = start(api, research)
    wait_until(lambda: some_searches_done(execution_id), 30, backend)

    flush_redis()

    assert_complete(wait_for_end(execution_id, backend))


def test_two_sleeping_branches_wake_in_order_and_no_worker_holds_them(api: ApiClient, backend: Backend) -> None:
    agent = api.post("/agents", {"name": "Sleeper"}).json()
    main: list[Any] = [
        {
            "over": "$ [0.8, 0.2]",
            "map": [{"sleep": "$ _"}, {"evaluate": "$ _"}],
        }
    ]
    task = api.post(f"/agents/{agent['id']}/tasks", {"name": "sleepers", "main": main}).json()
    execution_id = start(api, task["id"])

    wait_until(lambda: Branch.objects.filter(status="sleeping", lease_until=None).count() == 2, 30, backend)
    execution = wait_for_end(execution_id, backend)

    assert execution.output == [0.8, 0.2]
    ended = Transition.objects.filter(execution=execution, type="finish_branch").order_by("seq")
    assert [row.output for row in ended] == [0.2, 0.8]
