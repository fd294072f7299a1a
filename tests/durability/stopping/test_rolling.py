"""Every process is replaced twice under load: all runs end, and nothing that could have ended in time is done twice."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from executions.models import Execution, Transition
from executions.wait_tokens import task_token
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import API_KEY, ApiClient
from tests.backend import NAMES, Backend, flush_redis, wait_for_end, wait_until
from tests.durability.stopping.stopping import LONG_S, assert_quiet, wait_for_exit
from tests.loopback.web_server import WebServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RUNS = 100
CALLS = 3
ROUNDS = 2


@pytest.fixture
def api(transactional_db: None, settings: Any) -> ApiClient:
    """A client in this process."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture
def installation(transactional_db: None, backend_processes: Backend, tmp_path: Path) -> Iterator[Backend]:
    """Everything, with the time to drain that an installation has."""
    backend_processes.stop()
    flush_redis()
    started = Backend(tmp_path / "rolling", {"DRAIN_SECONDS": str(LONG_S), "LEASE_SECONDS": "600", "DB_POOL": "1"})
    started.start()
    yield started
    started.stop()


def answer(asked: RecordedRequest) -> Reply:
    """After half a second to two."""
    n = int(asked.query["n"])
    return Reply(200, {"n": n + 1}, delay_s=0.5 + n % 4 / 2)


def start_runs(api: ApiClient, url: str, main: list[Any], *, at_most_once: bool = False) -> list[str]:
    agent = api.post("/agents", {"name": "roller"}).json()
    tool = {"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": url}}
    body = {"name": "rolls", "tools": [{**tool, "at_most_once": at_most_once}], "main": main}
    task = api.post(f"/agents/{agent['id']}/tasks", body).json()["id"]
    count = RUNS // 2
    started = [api.post(f"/tasks/{task}/executions", {"input": {"n": number}}) for number in range(count)]
    return [str(each.json()["id"]) for each in started]


class Poller:
    """Asks the API again and again. A server that is being replaced may refuse a connection, or close one from which it
    has read nothing yet; what becomes of requests under way, `test_stopping_server` looks at."""

    def __init__(self, url: str, execution_id: str) -> None:
        self._url = f"{url}/executions/{execution_id}"
        self._over = Event()
        self._thread = Thread(target=self._ask_on, daemon=True)
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> "Poller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask_on(self) -> None:
        while not self._over.wait(0.05):
            try:
                status = httpx.get(
                    self._url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=LONG_S
                ).status_code
                self.answers[str(status)] += 1
            except (httpx.ConnectError, httpx.RemoteProtocolError):
                pass
            except httpx.HTTPError as error:
                self.answers[repr(error)] += 1


def roll(installation: Backend) -> None:
    """Replace one process after the other."""
    for name in NAMES:
        old = installation.terminate(name)
        installation.start(name)
        code = wait_for_exit(old, installation)
        assert code == 0, (name, code, installation.output())


def resume(api: ApiClient, execution_id: str) -> None:
    wait = Transition.objects.get(execution_id=execution_id, type="wait")
    body = {"status": "running", "input": {"n": 1}, "task_token": task_token(wait.pk)}
    assert api.put(f"/executions/{execution_id}", body).status_code == 200


def test_everything_is_replaced_twice_under_load(api: ApiClient, installation: Backend, web_server: WebServer) -> None:
    url = web_server.script("/world", answer)
    call = {"tool": "world", "arguments": {"params": {"n": "$ str(_.json.n if 'json' in _ else _.n)"}}}
    ask = {"wait_for_input": {"info": "?"}}
    waiting = [run for _ in range(2) for run in start_runs(api, url, [ask, call])]
    is_open = Execution.objects.filter(pk__in=waiting, status="awaiting_input")
    wait_until(lambda: is_open.count() == RUNS, 2 * LONG_S, installation)
    running = start_runs(api, url, [call] * CALLS) + start_runs(api, url, [call] * CALLS, at_most_once=True)
    wait_until(lambda: len(web_server.requests) > 0, LONG_S, installation)

    with Poller(installation.url, running[0]) as poller:
        for _ in range(ROUNDS):
            roll(installation)
        for run in waiting:
            resume(api, run)
        ended = [wait_for_end(run, installation) for run in [*running, *waiting]]

    assert {run.status for run in ended} == {"succeeded"}
    calls = Counter(asked.headers["idempotency-key"] for asked in web_server.requests)
    assert set(calls.values()) == {1}
    assert len(calls) == RUNS * CALLS + RUNS
    assert not Transition.objects.filter(type="wait", output__type="needs_attention").exists()
    assert set(poller.answers) == {"200"}, poller.answers
    assert_quiet(installation, *installation.logs)
