"""Large bodies leave no trace in memory and cut nothing."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from julep_project.bench.processes import resident_mib
from julep_project.devservices.loopback import Reply
from tests.chat.conftest import spoken
from tests.devservices.conftest import Up, wait_for
from tests.event_streams import events_of
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.streaming import Gate
from tests.loopback.web_server import WebServer

pytestmark = [pytest.mark.slow, pytest.mark.minutes, pytest.mark.timeout(900)]

BODIES = 200
# A little above what a server process holds that has all its libraries loaded.
LIMIT_MB = 375
MEASURED = ("api", "engine", "io", "maintenance")
# Only a failing test waits this long.
LONG_S = 90


@pytest.fixture
def start_up(tmp_path: Path, model_server: ModelServer) -> Iterator[Any]:
    started: list[Up] = []

    def start(**settings: str) -> Up:
        reaching = {"OPENAI_API_BASE": model_server.api_base, "OPENAI_API_KEY": "sk-loopback-key"}
        up = Up(tmp_path / "home", **reaching, **settings)
        started.append(up)
        up.wait_until_ready()
        return up

    yield start
    for up in started:
        if up.process.poll() is None:
            up.stop()


def client_of(up: Up) -> httpx.Client:
    headers = {"Authorization": f"Bearer {up.note()['api_key']}", "Content-Type": "application/json"}
    # A connection that is kept may be closed at the very moment it is used again, by any server.
    each_its_own = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=up.note()["url"], headers=headers, timeout=LONG_S, limits=each_its_own)


def created(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text[:500]
    return str(answer.json()["id"])


def calling_task(client: httpx.Client, url: str, **step: Any) -> str:
    agent = created(client.post("/agents", json={"name": "caller"}))
    tools = [{"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": url}}]
    main = [{"tool": "world", "arguments": {"params": {"n": "$ str(_.n)"}}, **step}, {"evaluate": "$ _.json"}]
    return created(client.post(f"/agents/{agent}/tasks", json={"name": "calls", "tools": tools, "main": main}))


def status_of(client: httpx.Client, run: str) -> str:
    return str(client.get(f"/executions/{run}").json()["status"])


def memory_of(up: Up) -> dict[str, float]:
    children = up.note()["children"]
    return {name: resident_mib(children[name]) for name in MEASURED}


@cache
def many_small_objects() -> bytes:
    return json.dumps({"name": "y", "metadata": {"rows": [{"a": n, "b": "c" * 60} for n in range(100_000)]}}).encode()


def feed(client: httpx.Client, task: str, number: int) -> httpx.Response:
    """One of four kinds: many empty lists, one long text, many small objects, the input of a run."""
    match number % 4:
        case 0:
            return client.post("/agents", content=b"[" + b"[]," * 5_500_000 + b"[]]")
        case 1:
            return client.post("/agents", content=b'{"name": "' + b"x" * 16_000_000 + b'"}')
        case 2:
            return client.post("/agents", content=many_small_objects())
    return client.post(f"/tasks/{task}/executions", json={"input": {"n": number, "text": "long " * 500_000}})


def test_large_bodies_leave_no_trace_and_cut_nothing(
    start_up: Any, model_server: ModelServer, web_server: WebServer
) -> None:
    # A chat under way is waited for while a server process is replaced.
    up = start_up(PROCESS_MEMORY_MB=str(LIMIT_MB), DRAIN_SECONDS="600")
    url = web_server.script("/world", lambda asked: Reply(200, {"n": asked.query["n"]}))
    gates = [Gate() for _ in range(BODIES // 5)]
    with client_of(up) as client:
        task = calling_task(client, url)
        agent = created(client.post("/agents", json={"name": "Ada", "model": "openai/loopback"}))
        session = created(client.post("/sessions", json={"agent": agent}))
        hello = {"messages": [{"role": "user", "content": "Hi"}], "recall": False}
        assert client.post(f"/sessions/{session}/chat", json=hello).status_code == 201
        first = created(client.post(f"/tasks/{task}/executions", json={"input": {"n": 0}}))
        assert wait_for(lambda: status_of(client, first) == "succeeded", LONG_S), up.output
        before, pids = memory_of(up), up.note()["children"]

        waits = created(
            client.post(f"/agents/{agent}/tasks", json={"name": "waits", "main": [{"wait_for_input": {"info": "?"}}]})
        )
        waiting = created(client.post(f"/tasks/{waits}/executions", json={"input": {}}))
        heard: list[str] = []
        follower = Thread(target=follow, args=(up, waiting, heard))
        follower.start()
        model_server.script(Streamed(*[piece for gate in gates for piece in ("word ", gate)]))
        with client.stream("POST", f"/sessions/{session}/chat", json={**hello, "stream": True}) as chat:
            blocks = chat.iter_text()
            for number in range(BODIES):
                assert feed(client, task, number).status_code < 500, up.output[-5000:]
                if number % 5 == 4:
                    gates[number // 5].open()
            assert spoken(events_of("".join(blocks))) == "word " * len(gates)
        assert client.put(f"/executions/{waiting}", json={"status": "running", "input": 1}).status_code == 200
        follower.join(LONG_S)
        assert heard == ["init", "wait", "resume", "finish"]

        def is_small() -> bool:
            return all(now <= 1.3 * before[name] for name, now in memory_of(up).items())

        assert wait_for(is_small, LONG_S), (before, memory_of(up))
        assert up.note()["children"] == pids, "server processes are replaced below the one that the supervisor knows"
    assert "Unexpected exit" not in up.output


def follow(up: Up, run: str, heard: list[str]) -> None:
    """To the end of the run, from server process to server process: a stream ends in order and goes on elsewhere."""
    token = ""
    with client_of(up) as client:
        while "finish" not in heard:
            with client.stream("GET", f"/executions/{run}/transitions.stream?next_page_token={token}") as log:
                for line in log.iter_lines():
                    if line.startswith("data: "):
                        event = json.loads(line.removeprefix("data: "))
                        heard.append(event["transition"]["type"])
                        token = event["next_page_token"]
