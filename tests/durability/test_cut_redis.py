"""A network that is cut between workers and Redis, without a word to either."""

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from executions.models import Branch
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend, assert_recorded_once, flush_redis, wait_for_end, wait_until
from tests.durability.programs import create_task, start_run
from tests.loopback.tcp_proxy import TcpProxy
from tests.loopback.web_server import WebServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

LANES = 8
ITEMS = 40
# Only a failing test waits this long.
LONG_S = 120


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    address = urlsplit(settings.REDIS_URL)
    with TcpProxy(address.hostname or "", address.port or 6379) as between:
        yield between


@pytest.fixture
def cut_off(transactional_db: None, proxy: TcpProxy, tmp_path: Path) -> Iterator[Backend]:
    """Workers and beat that reach Redis through the proxy."""
    flush_redis()
    address = urlsplit(settings.REDIS_URL)
    through = settings.REDIS_URL.replace(f":{address.port}", f":{proxy.port}")
    started = Backend(tmp_path / "cut-off", {"REDIS_URL": through, "JULEP_TEST_BUILD": "1"})
    started.start("engine", "io", "maintenance", "beat")
    yield started
    started.stop()


@pytest.fixture
def api(settings: pytest.FixtureRequest) -> ApiClient:
    settings.AGENTS_API_KEY = API_KEY  # type: ignore[attr-defined]
    return ApiClient()


def test_lanes_keep_their_children_through_a_cut(
    api: ApiClient, cut_off: Backend, proxy: TcpProxy, web_server: WebServer
) -> None:
    answer = threading.Event()

    def world(asked: RecordedRequest) -> Reply:
        answer.wait(LONG_S)
        return Reply(200, {"n": int(asked.query["n"])})

    call = {"tool": "world", "arguments": {"params": {"n": "$ str(_)"}}}
    body = {"over": f"$ list(range({ITEMS}))", "map": call, "parallelism": LANES}
    main = [body, {"evaluate": {"n": "$ [one.json.n for one in _]"}}]
    light = [
        {"over": "$ list(range(2000))", "map": {"evaluate": {"n": "$ _ + 1"}}, "parallelism": LANES},
        {"evaluate": {"n": "$ len(_)"}},
    ]
    runs = [start_run(api, create_task(api, web_server.script("/world", world), "calls", main))]
    wait_until(lambda: len(web_server.requests) == LANES, LONG_S, cut_off)
    runs.append(start_run(api, create_task(api, web_server.url, "light", light)))
    wait_until(lambda: Branch.objects.filter(execution_id=runs[1], status="done").count() > 20, LONG_S, cut_off)

    proxy.cut()
    answer.set()
    # Every lane has met the cut: it has ended the children it could, and has tried to hand itself on.
    wait_until(lambda: _done(runs[0]) >= LANES, LONG_S, cut_off)
    wait_until(lambda: "lane not handed on" in cut_off.log("io"), LONG_S, cut_off)
    proxy.restore()

    calls, counted = [wait_for_end(run, cut_off) for run in runs]
    assert calls.output == {"n": list(range(ITEMS))}
    assert counted.output == {"n": 2000}
    for run in (calls, counted):
        assert_recorded_once(run)
    assert len(web_server.requests) == ITEMS
    said = cut_off.log("io") + cut_off.log("engine")
    assert "ChordError" not in said
    assert "BrokenPipe" not in said and "Broken pipe" not in said


def _done(execution_id: str) -> int:
    return Branch.objects.filter(execution_id=execution_id, status="done").count()
