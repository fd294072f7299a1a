"""Dump, drop, restore, with the commands of the operations page: runs go on, and contents can be read."""

import base64
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.compose import ROOT
from tests.devservices.conftest import Up, environment, wait_for
from tests.devservices.conftest import start_up as start_up  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LARGE = "three megabytes " * 200_000
BYTES = base64.b64encode(bytes(range(256)) * 8000).decode()
_START_S = 300.0
_END_S = 120.0


def commands(title: str) -> str:
    """The block of the page under this mark."""
    page = (ROOT / "docs" / "operations.md").read_text()
    (block,) = re.findall(rf"<!-- {title} -->\n```sh\n(.*?)```", page, re.DOTALL)
    return str(block)


def follow(title: str, folder: Path) -> None:
    """Run the block as it stands, with state and backup in the test's folder."""
    script = commands(title).replace(".julep/", f"{folder}/home/").replace(".julep ", f"{folder}/home ")
    script = re.sub(r"\bbackup\b", f"{folder}/backup", script)
    done = subprocess.run(
        ["/bin/sh", "-ec", script],
        cwd=ROOT,
        env=environment(folder / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def client(up: Up) -> httpx.Client:
    assert wait_for(lambda: up.is_ready() or up.process.poll() is not None, _START_S), up.output
    note = up.note()
    headers = {"Authorization": f"Bearer {note['api_key']}"}
    return httpx.Client(base_url=note["url"], headers=headers, timeout=60)


def made(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def status(api: httpx.Client, run_id: str) -> str:
    return str(api.get(f"/executions/{run_id}").json()["status"])


def output(api: httpx.Client, run_id: str, up: Up) -> Any:
    """What the run ends with."""
    assert wait_for(lambda: status(api, run_id) in ("succeeded", "failed", "cancelled"), _END_S), up.output[-5000:]
    found = api.get(f"/executions/{run_id}").json()
    assert found["status"] == "succeeded", found["error"]
    return found["output"]


PROGRAMS: dict[str, list[Any]] = {
    "sleeping": [{"sleep": {"seconds": 20}}, {"evaluate": {"text": "$ inputs[0].text"}}],
    "waiting": [{"wait_for_input": {"info": "which?"}}, {"evaluate": {"text": "$ inputs[0].text", "given": "$ _"}}],
    "queued": [{"prompt": "$ 'again'", "unwrap": True}, {"evaluate": {"text": "$ inputs[0].text"}}],
}


def start(api: httpx.Client, agent: str, name: str) -> str:
    task = made(api.post(f"/agents/{agent}/tasks", json={"name": name, "main": PROGRAMS[name]}))
    return made(api.post(f"/tasks/{task}/executions", json={"input": {"text": LARGE}}))


def test_runs_go_on_after_a_restore(tmp_path: Path, start_up: Callable[..., Up]) -> None:
    up = start_up(tmp_path / "home", DEFAULT_MODEL="offline/echo")
    api = client(up)
    agent = made(api.post("/agents", json={"name": "Ada", "model": "offline/echo"}))
    runs = {"waiting": start(api, agent, "waiting"), "sleeping": start(api, agent, "sleeping")}
    assert wait_for(lambda: status(api, runs["waiting"]) == "awaiting_input", _END_S)
    os.killpg(up.note()["children"]["engine"], signal.SIGSTOP)
    runs["queued"] = start(api, agent, "queued")
    file_id = made(api.post("/files", json={"name": "all bytes", "content": BYTES}))

    follow("back up", tmp_path)
    later = made(api.post("/files", json={"name": "later", "content": "bGF0ZXI="}))
    assert status(api, runs["queued"]) == "queued"
    os.killpg(up.note()["children"]["engine"], signal.SIGCONT)
    output(api, runs["queued"], up)
    up.stop()
    follow("restore", tmp_path)

    again = start_up(tmp_path / "home", DEFAULT_MODEL="offline/echo")
    api = client(again)
    assert api.get(f"/files/{later}").status_code == 404
    assert api.get(f"/files/{file_id}").json()["content"] == BYTES
    assert output(api, runs["queued"], again) == {"text": LARGE}
    assert output(api, runs["sleeping"], again) == {"text": LARGE}
    assert status(api, runs["waiting"]) == "awaiting_input"
    assert api.put(f"/executions/{runs['waiting']}", json={"status": "running", "input": "this"}).status_code == 200
    assert output(api, runs["waiting"], again) == {"text": LARGE, "given": "this"}
