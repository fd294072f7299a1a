"""Postgres and Redis of a real `manage.py up` are killed while runs go on: the installation comes back by itself. When
it is killed itself, it can be started again."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from julep_project.devservices.loopback import RecordedRequest, Reply
from julep_project.env import PROJECT_ROOT
from tests.devservices.conftest import STOP_S, Up, alive, family, running, wait_for
from tests.loopback.web_server import WebServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ITEMS = 40
LONG_S = 120


def ask(up: Up, path: str, body: Any = None) -> Any:
    note = up.note()
    headers = {"Authorization": f"Bearer {note['api_key']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{note['url']}{path}", data, headers), timeout=30) as response:
        return json.load(response)


def answers(up: Up, path: str) -> Any:
    """What it says, or None while it cannot."""
    try:
        return ask(up, path)
    except OSError:
        return None


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    home = tmp_path_factory.mktemp("killed") / "home"
    with running(home, LEASE_SECONDS="5") as started:
        yield started


def server(up: Up) -> int:
    return int(up.note()["children"]["postgres"])


def one_backend(up: Up) -> int:
    """A process of Postgres that serves a connection; when one dies, the server ends all others."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    titles = {int(line.split()[0]): line for line in listed.splitlines()}
    return next(pid for pid in family(server(up)) if "postgres julep" in titles.get(pid, ""))


@pytest.mark.parametrize(
    ("name", "victim"),
    [
        ("postgres", server),
        ("backend", one_backend),
        ("redis", lambda up: up.note()["children"]["redis"]),
    ],
)
def test_runs_end_though_a_service_is_killed(
    up: Up, web_server: WebServer, name: str, victim: Callable[[Up], int]
) -> None:
    enough = threading.Event()

    def world(asked: RecordedRequest) -> Reply:
        if len(web_server.requests) > ITEMS // 4:
            enough.set()
        return Reply(200, {"n": int(asked.query["n"])}, delay_s=0.1)

    agent = ask(up, "/agents", {"name": "Ada"})["id"]
    url = web_server.script("/world", world)
    call = {"tool": "world", "arguments": {"params": {"n": "$ str(_)"}}}
    main = [
        {"over": f"$ list(range({ITEMS}))", "map": call, "parallelism": 4},
        {"sleep": {"seconds": 3}},
        {"evaluate": {"n": "$ sum(one.json.n for one in steps[0].output)"}},
    ]
    tools = [{"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": url}}]
    task = ask(up, f"/agents/{agent}/tasks", {"name": "calls", "tools": tools, "main": main})["id"]
    runs = [ask(up, f"/tasks/{task}/executions", {"input": {}})["id"] for _ in range(2)]
    assert enough.wait(LONG_S), up.output
    others = {child: pid for child, pid in up.note()["children"].items() if child not in (name, "beat", "flower")}

    os.kill(victim(up), signal.SIGKILL)

    ended = {"succeeded", "failed", "cancelled"}
    for run in runs:
        assert wait_for(lambda run=run: (answers(up, f"/executions/{run}") or {}).get("status") in ended, LONG_S), (
            up.output
        )
        found = ask(up, f"/executions/{run}")
        assert (found["status"], found["output"]) == ("succeeded", {"n": sum(range(ITEMS))}), found
    assert wait_for(lambda: (answers(up, "/healthz") or {}).get("status") == "ok", LONG_S), up.output
    assert {child: up.note()["children"][child] for child in others} == others, up.output


def test_after_a_hard_kill_it_starts_again_and_sigterm_leaves_nothing(
    tmp_path: Path, start_up: Callable[..., Up]
) -> None:
    first = start_up(tmp_path / "home", AGENTS_API_KEY="chosen-by-me")
    first.wait_until_ready()
    assert first.note()["api_key"] == "chosen-by-me"
    database_url, abandoned = first.note()["database_url"], first.processes()
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL

    second = start_up(first.home)
    second.wait_until_ready()
    assert alive(abandoned) == []
    assert second.note()["database_url"] == database_url

    left = second.processes()
    assert len(alive(left)) > len(second.note()["children"])
    assert second.stop(signal.SIGTERM) == 0
    assert wait_for(lambda: alive(left) == [], STOP_S)
    assert not (second.home / "up.json").exists()


_OWNER = """
import time
from pathlib import Path
from julep_project.devservices.home import Home
from julep_project.devservices.private import private_installation
with private_installation(Home(Path(%r)), {"ENGINE_PROCESSES": "1", "IO_THREADS": "4"}):
    time.sleep(600)
"""


def test_a_private_installation_ends_with_its_owner(tmp_path: Path) -> None:
    home = tmp_path / "home"
    owner = subprocess.Popen([sys.executable, "-c", _OWNER % str(home)], cwd=PROJECT_ROOT)
    try:
        assert wait_for((home / "up.json").exists, LONG_S)
        processes = [int(json.loads((home / "up.json").read_text())["pid"]), *family(owner.pid)]
    finally:
        owner.kill()
        owner.wait()
    assert len(processes) > 3
    assert wait_for(lambda: alive(processes) == [], LONG_S)
