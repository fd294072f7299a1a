"""Small programs with known results, whose calls to the outside can be told apart and counted."""

from collections import Counter, defaultdict
from typing import Any

from executions.models import Execution
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import ApiClient
from tests.backend import Backend, wait_until
from tests.loopback.web_server import WebServer

COUNT = {"evaluate": {"n": "$ _.n + 1"}}
CALL: dict[str, Any] = {"tool": "world", "arguments": {"params": {"n": "$ _.n", "of": "single"}}}
CALL_ITEM: dict[str, Any] = {"tool": "world", "arguments": {"params": {"n": "$ _", "of": "map"}}}

PROGRAMS: dict[str, tuple[list[Any], Any]] = {
    "chain": ([COUNT] * 5, {"n": 6}),
    "call": ([COUNT, CALL, {"evaluate": {"n": "$ _.json.n"}}], {"n": 2}),
    "map": (
        [{"over": "$ [1, 2, 3]", "map": CALL_ITEM, "parallelism": 2}, {"evaluate": "$ [a.json.n for a in _]"}],
        [1, 2, 3],
    ),
    "sleep": ([{"sleep": 0.3}, COUNT], {"n": 2}),
    "wait": ([{"wait_for_input": {"info": {"ask": "n"}}}, COUNT], {"n": 8}),
    "parallel": (
        [
            {"parallel": [[{"set": {f"arm{n}": str(n)}}, {"evaluate": f"$ {n}"}] for n in range(3)]},
            {"evaluate": "$ [_, state.arm0, state.arm1, state.arm2]"},
        ],
        [[0, 1, 2], "0", "1", "2"],
    ),
}


def echo(request: RecordedRequest) -> Reply:
    return Reply(200, {"n": int(request.query["n"])})


def create_task(api: ApiClient, url: str, name: str, main: list[Any]) -> str:
    """A task that may call `url` as its tool `world`; its id."""
    agent = api.post("/agents", {"name": name}).json()
    tools = [{"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": url}}]
    answer = api.post(f"/agents/{agent['id']}/tasks", {"name": name, "tools": tools, "main": main})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def start_run(api: ApiClient, task_id: str, input_: dict[str, Any] | None = None) -> str:
    answer = api.post(f"/tasks/{task_id}/executions", {"input": {"n": 1} if input_ is None else input_})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def resume_when_waiting(api: ApiClient, execution_id: str, value: Any, backend: Backend) -> None:
    wait_until(lambda: Execution.objects.get(pk=execution_id).status == "awaiting_input", 30, backend)
    answer = api.put(f"/executions/{execution_id}", {"status": "running", "input": value})
    assert answer.status_code == 200, answer.json()


def assert_calls_repeat_only_after_crashes(web_server: WebServer, crashes: int) -> None:
    """Every call keeps its idempotency key and is made at most once more per crash."""
    keys: dict[str, set[str]] = defaultdict(set)
    for request in web_server.requests:
        keys[request.target].add(request.headers["idempotency-key"])
    counts = Counter(request.target for request in web_server.requests)
    assert len(keys) == 4
    assert all(len(found) == 1 for found in keys.values())
    assert len(set.union(*keys.values())) == len(keys)
    assert max(counts.values()) <= 1 + crashes
