"""Timers and recovery do not wait until models have answered."""

from threading import Event
from typing import Any

from executions.engine.dispatch import dispatching_to
from executions.inprocess import InProcessDispatcher
from executions.models import Branch, Execution
from tests.api_client import ApiClient
from tests.backend import IO_THREADS, Backend, flush_redis, wait_for_end, wait_until
from tests.durability.programs import create_task, start_run
from tests.loopback.model_server import ModelServer

HANGING = 40
# Only a failing test waits this long.
LONG_S = 60


def test_hanging_model_calls_delay_no_sleep_and_no_recovery(
    api: ApiClient, backend: Backend, provider: ModelServer
) -> None:
    release = Event()
    asked: list[Any] = []

    def hang(body: dict[str, Any]) -> str:
        asked.append(body)
        release.wait(2 * LONG_S)
        return "at last"

    provider.script(*[hang] * HANGING)
    try:
        agent = api.post("/agents", {"name": "Slow", "model": "gpt-4o-mini"}).json()
        body = {"name": "slow", "main": [{"prompt": "Hello"}]}
        slow = str(api.post(f"/agents/{agent['id']}/tasks", body).json()["id"])
        calling = [start_run(api, slow) for _ in range(HANGING)]
        wait_until(lambda: len(asked) == IO_THREADS, LONG_S, backend)

        napping = create_task(api, "http://127.0.0.1:9/", "nap", [{"sleep": 1}, {"evaluate": "$ 'slept'"}])
        sleeper = start_run(api, napping)
        wait_until(lambda: Branch.objects.filter(execution_id=sleeper, status="sleeping").exists(), LONG_S, backend)
        flush_redis()
        with dispatching_to(InProcessDispatcher()):
            unannounced = start_run(api, napping)

        # No message is left for either of them: only a sweep can send one.
        assert wait_for_end(sleeper, backend).output == "slept"
        assert wait_for_end(unannounced, backend).output == "slept"
        assert len(asked) == IO_THREADS
    finally:
        release.set()
    for run in calling:
        assert wait_for_end(run, backend).status == "succeeded"
    assert len(asked) == HANGING
    assert not Execution.objects.exclude(status="succeeded").exists()
