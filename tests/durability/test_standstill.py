"""An expression that never ends and that no limit stopped, in the real processes: only its own step or message fails.

A build for tests has a function for it, which holds the interpreter in a single call.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from executions.models import Execution, Transition
from tests.api_client import API_KEY
from tests.backend import Backend, flush_redis, wait_for_end

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

_LONG = "stand_still(3600)"
# Of processor time: longer than other requests need meanwhile, even when the machine has much else to do.
_CPU_SECONDS = 2
_ANSWER_S = 120
_ECHO = "offline/echo"
_MESSAGE = f"did not end within {_CPU_SECONDS} s of processor time"


@pytest.fixture(scope="module")
def alone(backend_processes: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """An API server and an engine of a build for tests; nobody else's workers take part."""
    backend_processes.stop()
    build = {"JULEP_TEST_BUILD": "1", "EVALUATION_CPU_SECONDS": str(_CPU_SECONDS), "LEASE_SECONDS": "60"}
    started = Backend(tmp_path_factory.mktemp("standstill"), build)
    started.start("api", "engine")
    yield started
    started.stop()


@pytest.fixture
def client(alone: Backend, transactional_db: None) -> Iterator[httpx.Client]:
    """A client of that server. What has stood still was ended, and nothing else."""
    flush_redis()
    alone.assert_alive()
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=alone.url, headers=headers, timeout=_ANSWER_S) as opened:
        yield opened


def _created(response: httpx.Response) -> str:
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def _agent(client: httpx.Client) -> str:
    return _created(client.post("/agents", json={"name": "Ada", "model": _ECHO}))


def _start(client: httpx.Client, agent: str, main: list[Any]) -> str:
    task = _created(client.post(f"/agents/{agent}/tasks", json={"name": "t", "main": main}))
    return _created(client.post(f"/tasks/{task}/executions", json={"input": {"n": 1}}))


def test_a_run_that_stands_still_fails_and_others_go_on(client: httpx.Client, alone: Backend) -> None:
    agent = _agent(client)
    stalled = _start(client, agent, [{"evaluate": {"n": "$ _.n + 1"}}, {"evaluate": {"n": f"$ _.n + {_LONG}"}}])
    caught = _start(
        client,
        agent,
        [{"try": [{"evaluate": {"n": f"$ len(outputs) + {_LONG}"}}], "catch": {"evaluate": {"why": "$ error.type"}}}],
    )
    others = [_start(client, agent, [{"evaluate": {"n": "$ _.n + 1"}}] * 3) for _ in range(5)]

    assert {wait_for_end(run, alone).status for run in others} == {"succeeded"}
    assert wait_for_end(caught, alone).output == {"why": "LimitExceeded"}
    failed = wait_for_end(stalled, alone)

    assert failed.status == "failed"
    assert _MESSAGE in str(failed.error)
    error = Transition.objects.get(execution_id=stalled, type="error")
    assert error.metadata["error_type"] == "LimitExceeded"
    assert list(Transition.objects.filter(execution_id=stalled, type="step").values_list("output", flat=True)) == [
        {"n": 2}
    ]
    # Each of the two ended one worker, and was not handed to another.
    assert alone.log("engine").count("exited with 'signal 27 (SIGPROF)'") == 2
    assert Execution.objects.filter(status="running").count() == 0


def test_a_message_that_stands_still_is_refused_and_the_server_goes_on(client: httpx.Client, alone: Backend) -> None:
    session = _created(client.post("/sessions", json={"agent": _agent(client)}))
    other = _created(client.post("/sessions", json={"agent": _agent(client)}))

    def chat(session: str, text: str, **more: Any) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": text}], "recall": False, **more}
        return client.post(f"/sessions/{session}/chat", json=body)

    assert chat(other, "Hello {{ agent.name }}", stream=True).status_code == 201
    with ThreadPoolExecutor(1) as threads:
        stalled = threads.submit(chat, session, "{{ " + _LONG + " }}")
        answers = [chat(other, "Hello {{ agent.name }}", stream=True)]
        while_it_stood = not stalled.done()
        refused = stalled.result()

    assert while_it_stood
    assert [answer.status_code for answer in answers] == [201]
    assert refused.status_code == 400
    assert _MESSAGE in refused.json()["error"]["message"]
    # The next template has a process again.
    answer = chat(session, "{{ ['b', 'a'] | sort | join }}")
    assert answer.status_code == 201
    assert "ab" in answer.text
