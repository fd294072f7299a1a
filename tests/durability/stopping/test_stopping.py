"""A worker told to stop lets calls end, and hands back at once what takes longer."""

import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from executions.models import Branch, Execution, Transition
from executions.operating.models import Worker
from executions.operating.workers import drain_worker
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import API_KEY, ApiClient
from tests.backend import assert_recorded_once, wait_for_end, wait_until
from tests.durability.stopping.stopping import LONG_S, assert_quiet, wait_for_exit
from tests.loopback.web_server import WebServer

pytestmark = pytest.mark.slow

# Of a large answer, what comes at once and what comes when the test lets it.
_FIRST, _REST = 2_900_000, 100_000


@pytest.fixture
def api(transactional_db: None, settings: Any) -> ApiClient:
    """A client in this process."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


class World:
    """A tool whose first call with each `n` may be made to hang until the test lets it go."""

    def __init__(self, api: ApiClient, web_server: WebServer) -> None:
        self.release = Event()
        self._web_server = web_server
        self._api = api

    def start_run(self, main: list[Any], *, at_most_once: bool = False, large: bool = False) -> str:
        """A run whose tool says what it is asked for; a `large` answer stops in the middle until it is let go."""
        agent = self._api.post("/agents", {"name": "caller"}).json()
        path, answer = ("/large", self._answer_largely) if large else ("/world", self._answer)
        url = self._web_server.script(path, answer)
        tool = {"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": url}}
        body = {"name": "calls", "tools": [{**tool, "at_most_once": at_most_once}], "main": main}
        task = self._api.post(f"/agents/{agent['id']}/tasks", body)
        assert task.status_code == 201, task.json()
        answer = self._api.post(f"/tasks/{task.json()['id']}/executions", {"input": {}})
        assert answer.status_code == 201, answer.json()
        return str(answer.json()["id"])

    def calls(self, n: int) -> list[RecordedRequest]:
        return [asked for asked in list(self._web_server.requests) if asked.query.get("n") == str(n)]

    def _answer_largely(self, asked: RecordedRequest) -> Reply:
        return Reply(raw=self._large())

    def _large(self) -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {_FIRST + _REST}\r\n\r\n".encode()
        yield b"x" * _FIRST
        self.release.wait(2 * LONG_S)
        yield b"x" * _REST

    def _answer(self, asked: RecordedRequest) -> Reply:
        n = asked.query["n"]
        nth = len(self.calls(int(n)))
        if nth == 1:
            self.release.wait(2 * LONG_S)
        return Reply(200, {"n": int(n), "nth": nth})


@pytest.fixture
def world(api: ApiClient, web_server: WebServer) -> Iterator[World]:
    made = World(api, web_server)
    yield made
    made.release.set()


def call(n: int | str) -> dict[str, Any]:
    return {"tool": "world", "arguments": {"params": {"n": str(n)}}}


def test_calls_that_take_too_long_are_handed_back(start_workers: Any, world: World) -> None:
    """A plain call and those of lanes are taken over at once; for one that must not be repeated, which has longer, a
    person is asked."""
    workers = start_workers(1)
    plain = world.start_run([call(1), {"evaluate": "$ _.json"}])
    once = world.start_run([call(2)], at_most_once=True)
    items = {"over": "$ list(range(10, 22))", "map": call("$ _"), "parallelism": 4}
    lanes = world.start_run([items, {"evaluate": "$ [item.json.nth for item in _]"}])
    under_way = (1, 2, *range(10, 14))
    wait_until(lambda: all(len(world.calls(n)) == 1 for n in under_way), LONG_S, workers)
    assert Branch.objects.filter(execution_id=lanes, status="calling").count() == 4
    workers.start("io2")

    stopping = workers.terminate("io")
    execution = wait_for_end(plain, workers)

    assert execution.output == {"n": 1, "nth": 2}
    assert wait_for_exit(stopping, workers) == 0
    assert len({asked.headers["idempotency-key"] for asked in world.calls(1)}) == 1
    step = Transition.objects.filter(execution=execution, type="step").order_by("seq")[0]
    assert "retries" not in step.metadata, "the attempt of the worker that was stopped is not counted"
    assert_recorded_once(execution)

    wait_until(lambda: Execution.objects.get(pk=once).status == "awaiting_input", LONG_S, workers)
    wait = Transition.objects.filter(execution_id=once, type="wait").get()
    assert wait.output["type"] == "needs_attention"
    assert len(world.calls(2)) == 1

    world.release.set()
    execution = wait_for_end(lanes, workers)
    assert execution.output == [2] * 4 + [1] * 8, "a lane keeps nothing locked"
    assert_recorded_once(execution)
    assert_quiet(workers, "io", "io2", "engine")


def test_a_call_that_ends_in_time_is_made_once_and_the_next_one_elsewhere(start_workers: Any, world: World) -> None:
    workers = start_workers(LONG_S)
    execution_id = world.start_run([call(1), call(2), {"evaluate": "$ _.json"}])
    wait_until(lambda: len(world.calls(1)) == 1, LONG_S, workers)

    stopping = workers.terminate("io")
    wait_until(lambda: "worker takes no more messages" in workers.log("io"), LONG_S, workers)
    world.release.set()
    assert wait_for_exit(stopping, workers) == 0
    assert (len(world.calls(1)), len(world.calls(2))) == (1, 0)
    workers.start("io2")

    assert wait_for_end(execution_id, workers).output == {"n": 2, "nth": 1}
    assert len(world.calls(1)) == 1
    assert_quiet(workers, "io", "io2", "engine")


def test_who_asks_twice_does_not_wait(start_workers: Any, world: World) -> None:
    workers = start_workers(3600)
    execution_id = world.start_run([call(1), {"evaluate": "$ _.json"}])
    wait_until(lambda: len(world.calls(1)) == 1, LONG_S, workers)
    workers.start("io2")

    stopping = workers.terminate("io")
    stopping.send_signal(signal.SIGINT)

    assert wait_for_exit(stopping, workers) == 0
    assert wait_for_end(execution_id, workers).output == {"n": 1, "nth": 2}
    assert_quiet(workers, "io", "io2", "engine")


def test_idle_workers_end(start_workers: Any) -> None:
    """Told by a signal, or in the row by which each tells that it is there; that is gone then."""
    workers = start_workers(LONG_S)
    rows = Worker.objects.filter(pid__in=[workers.pids[name] for name in ("engine", "io")])
    wait_until(lambda: rows.count() == 2, LONG_S, workers)
    drain_worker(worker_id=rows.get(queues=["io"]).pk)
    stopping = workers.terminate("engine")
    assert wait_for_exit(stopping, workers) == 0
    assert workers.has_ended("io")
    assert "worker was asked to drain" in workers.log("io")
    wait_until(lambda: not rows.exists(), LONG_S, workers)
    assert_quiet(workers, "io", "engine")


def test_a_worker_that_holds_too_much_is_replaced_and_ends_its_calls(
    start_workers: Any, world: World, tmp_path: Path
) -> None:
    note = tmp_path / "retiring"
    workers = start_workers(LONG_S, PROCESS_MEMORY_MB="1", RETIRING_FILE=str(note))
    wait_until(lambda: "worker may hold" in workers.log("io"), LONG_S, workers)
    runs = [world.start_run([call(n), {"evaluate": "$ 1"}], large=True) for n in range(15)]
    wait_until(note.exists, LONG_S, workers)
    workers.start("io2")
    another = world.start_run([call(99), call(99), {"evaluate": "$ _.json.nth"}])
    wait_until(lambda: "worker takes no more messages" in workers.log("io"), LONG_S, workers)

    world.release.set()

    assert {wait_for_end(run, workers).status for run in runs} == {"succeeded"}
    assert wait_for_end(another, workers).output == 2
    assert {len(world.calls(n)) for n in range(15)} == {1}
    assert workers.has_ended("io")
    assert_quiet(workers, "io", "io2", "engine")
