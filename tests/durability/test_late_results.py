"""What a frozen, late or cancelled worker brings is refused; what takes long keeps its lease."""

import signal
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from executions.models import Branch, Execution, Transition
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import ApiClient
from tests.backend import IO_THREADS, Backend, assert_recorded_once, wait_for_end, wait_until
from tests.durability.programs import create_task, start_run
from tests.loopback.web_server import WebServer

pytestmark = pytest.mark.slow

LEASE_S = 3  # of the shared workers
# Only a failing test waits this long.
LONG_S = 60


def call(n: int) -> dict[str, Any]:
    return {"tool": "world", "arguments": {"params": {"n": str(n)}}}


def call_count(web_server: WebServer, n: int) -> int:
    return len([request for request in list(web_server.requests) if request.query.get("n") == str(n)])


@pytest.fixture
def second_worker(backend: Backend) -> Iterator[None]:
    backend.start("io2")
    yield
    backend.kill("io2")


def test_a_frozen_workers_late_result_is_refused(
    api: ApiClient, backend: Backend, web_server: WebServer, request: pytest.FixtureRequest
) -> None:
    frozen, release = Event(), Event()

    def world(asked: RecordedRequest) -> Reply:
        n = int(asked.query["n"])
        nth = call_count(web_server, n)
        if (n, nth) == (1, 1):
            frozen.wait(LONG_S)
        if n == 2:
            release.wait(LONG_S)
        return Reply(200, {"n": n, "nth": nth})

    task = create_task(
        api, web_server.script("/world", world), "two calls", [call(1), call(2), {"evaluate": "$ _.json"}]
    )
    execution_id = start_run(api, task)
    wait_until(lambda: call_count(web_server, 1) == 1, LONG_S, backend)
    backend.signal("io", signal.SIGSTOP)
    frozen.set()
    try:
        request.getfixturevalue("second_worker")
        wait_until(lambda: call_count(web_server, 2) == 1, LONG_S, backend)
        before = Branch.objects.values("version", "status").get(execution_id=execution_id)
    finally:
        backend.signal("io", signal.SIGCONT)
    # The second call is under way under a newer version: nothing but that version tells the late result from its own.
    wait_until(lambda: "effect refused" in backend.log("io"), LONG_S, backend)
    assert Branch.objects.values("version", "status").get(execution_id=execution_id) == before
    release.set()

    execution = wait_for_end(execution_id, backend)

    assert execution.output == {"n": 2, "nth": 1}
    assert_recorded_once(execution)
    first = Transition.objects.filter(execution=execution, type="step").first()
    assert first is not None and first.output["json"] == {"n": 1, "nth": 2}
    assert len({asked.headers["idempotency-key"] for asked in web_server.requests}) == 2


def test_a_call_longer_than_its_lease_is_made_once(api: ApiClient, backend: Backend, web_server: WebServer) -> None:
    url = web_server.script("/world", Reply(200, {"n": 1}, delay_s=LEASE_S * 2 + 1))
    execution_id = start_run(api, create_task(api, url, "slow", [call(1), {"evaluate": "$ _.json"}]))

    execution = wait_for_end(execution_id, backend)

    assert execution.output == {"n": 1}
    assert len(web_server.requests) == 1
    assert_recorded_once(execution)


def test_cancelling_a_hundred_arms_in_flight_is_final(api: ApiClient, backend: Backend, web_server: WebServer) -> None:
    cancelled = Event()

    def world(asked: RecordedRequest) -> Reply:
        cancelled.wait(LONG_S)
        return Reply(200, {"done": True})

    arms = {"over": "$ list(range(100))", "map": {"tool": "world", "arguments": {"params": {"n": "$ _"}}}}
    task = create_task(
        api, web_server.script("/world", world), "arms", [{**arms, "parallelism": 100}, {"evaluate": "$ 1"}]
    )
    execution_id = start_run(api, task)
    wait_until(lambda: len(web_server.requests) == IO_THREADS, LONG_S, backend)
    assert Branch.objects.filter(execution_id=execution_id, status="calling").count() >= IO_THREADS

    answer = api.put(f"/executions/{execution_id}", {"status": "cancelled", "reason": "enough"})

    assert answer.status_code == 200, answer.json()
    at_cancel = Execution.objects.values().get(pk=execution_id)
    rows = list(Transition.objects.filter(execution_id=execution_id).order_by("seq").values())
    refused = backend.log("io").count("effect refused")
    cancelled.set()
    wait_until(lambda: backend.log("io").count("effect refused") == refused + IO_THREADS, LONG_S, backend)
    # The next run uses the same workers, after every message of the first.
    wait_for_end(start_run(api, create_task(api, web_server.url, "next", [{"sleep": 0.1}])), backend)
    assert len(web_server.requests) == IO_THREADS
    assert Execution.objects.values().get(pk=execution_id) == at_cancel
    assert list(Transition.objects.filter(execution_id=execution_id).order_by("seq").values()) == rows
    assert (rows[-1]["type"], rows[-1]["output"]) == ("cancelled", "enough")
    statuses = set(Branch.objects.filter(execution_id=execution_id).values_list("status", flat=True))
    assert statuses <= {"cancelled", "done"}
