"""The compose file on two hosts with addresses and folders of their own: they work as one, and one can be lost."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.installation import Installation, wait_for
from tests.deploy.meeting import Meeting
from tests.deploy.network import USER, Host, Network, need_namespaces
from tests.loopback.s3_server import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIRST = ("api", "engine", "io", "maintenance", "beat", "flower")
SECOND = ("api", "engine", "io", "maintenance")
# What an operator would put into the file of settings; short leases, so that a lost host is noticed soon.
SETTINGS = {
    "ALLOWED_HOSTS": "api.example.com",
    "DEFAULT_MODEL": "offline/echo",
    "LEASE_SECONDS": "5",
    "SWEEP_SECONDS": "1",
    "RING_AGAIN_SECONDS": "1",
}
LARGE = "three megabytes " * 200_000
# More calls at once than the threads of one io worker.
CALLS = 48
_END_S = 120.0


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    need_namespaces()
    tmp_path.chmod(0o755)
    with Network(tmp_path) as network:
        network.add("one")
        network.add("two")
        yield network


@pytest.fixture
def meeting(network: Network) -> Iterator[Meeting]:
    with Meeting(network.gateway, {host.address for host in network.hosts}) as meeting:
        yield meeting


@pytest.fixture
def installation(network: Network) -> Iterator[Installation]:
    """Running on both hosts, with contents in a bucket, and no folder shared by any two processes."""
    with S3Server(network.gateway) as bucket:
        installation = Installation(network, {**SETTINGS, "JULEP_HTTP_ALLOW": network.gateway, **bucket.environment})
        one, two = network.hosts
        start(installation, (one, *FIRST), (two, *SECOND))
        yield installation


def start(installation: Installation, *placed: tuple[Any, ...]) -> None:
    """Start services, each line those of one host, and wait until their health checks are content."""
    installation.start_services()
    installation.migrate(placed[0][0])
    for host, *names in placed:
        installation.start(host, *names)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda line: installation.wait_until_healthy(*line), placed))


@pytest.fixture
def apis(installation: Installation) -> Iterator[list[httpx.Client]]:
    clients = [installation.api(host) for host in installation.network.hosts]
    for client in clients:
        client.headers["Host"] = "api.example.com"
    yield clients
    for client in clients:
        client.close()


def made(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def task(api: httpx.Client, agent: str, url: str, *main: Any) -> str:
    tools = [{"name": "meet", "type": "api_call", "api_call": {"method": "GET", "url": url}}]
    return made(api.post(f"/agents/{agent}/tasks", json={"name": "rehearsal", "tools": tools, "main": list(main)}))


def run(api: httpx.Client, task_id: str, **input_: Any) -> str:
    return made(api.post(f"/tasks/{task_id}/executions", json={"input": input_}))


def ended(api: httpx.Client, installation: Installation, run_id: str) -> dict[str, Any]:
    """The run once it has ended well."""

    def answer() -> Any:
        return api.get(f"/executions/{run_id}").json()

    wait_for(lambda: answer()["status"] in ("succeeded", "failed", "cancelled"), _END_S, installation)
    found: dict[str, Any] = answer()
    assert found["status"] == "succeeded", f"{found['error']}\n{installation.output()}"
    return found


def test_two_hosts_work_as_one_and_one_can_be_lost(
    installation: Installation, apis: list[httpx.Client], meeting: Meeting
) -> None:
    one, two = installation.network.hosts
    agent = made(apis[0].post("/agents", json={"name": "Ada", "model": "offline/echo"}))

    said = doctor_once_content(installation, two)
    for queue in ("engine", "io", "maintenance"):
        assert f"queue {queue}: ok: {queue}@one, {queue}@two read what this process stored\n" in said
    assert "settings: ok: the same for 8 processes\n" in said
    assert_large_values_cross(installation, apis, agent)
    assert_files_cross(apis)
    assert_chats_go_on_at_the_other(apis, agent)
    assert_lanes_run_on_both(installation, apis, agent, meeting)

    sleeping = task(apis[1], agent, meeting.url, {"sleep": {"seconds": 4}}, *echo())
    calling = task(
        apis[1],
        agent,
        meeting.url,
        {"over": "$ list(range(30))", "map": {"tool": "meet", "arguments": {}}, "parallelism": 10},
        *echo(),
    )
    runs = [run(apis[number % 2], (sleeping, calling)[number % 2], text=LARGE) for number in range(8)]
    two.pull_the_plug()

    outputs = [ended(apis[0], installation, run_id)["output"] for run_id in runs]

    assert [len(output["text"]) for output in outputs] == [len(LARGE)] * len(runs)
    assert installation.is_healthy(one, "api")


def echo() -> list[Any]:
    """A model's answer, and the whole input kept as part of the output."""
    return [{"prompt": "$ 'again'", "unwrap": True}, {"evaluate": {"said": "$ _", "text": "$ inputs[0].text"}}]


def doctor_once_content(installation: Installation, host: Host, *apis: Host) -> str:
    """What doctor says when every process reads what one stores, and all have the same settings."""
    urls = [f"http://{each.address}:8080" for each in apis or installation.network.hosts]
    command = ["python", "manage.py", "doctor", "--api", *urls]
    said: list[str] = []

    def is_content() -> bool:
        answer = installation.run(host, "engine", command)
        said[:] = [answer.stdout + answer.stderr]
        return answer.returncode == 0

    wait_for(is_content, 120, installation, said)
    return said[0]


def test_containers_of_one_host_share_the_volume(network: Network) -> None:
    """What the compose file does without a bucket."""
    installation, (one, _) = Installation(network, SETTINGS, shared=True), network.hosts
    start(installation, (one, "api", "engine", "io", "maintenance", "beat"))

    said = doctor_once_content(installation, one, one)
    with installation.api(one) as api:
        api.headers["Host"] = "api.example.com"
        agent = made(api.post("/agents", json={"name": "Ada"}))
        assert_large_values_cross(installation, [api, api], agent)
        assert_files_cross([api, api])

    assert "settings: ok: the same for 4 processes\n" in said
    stored = [path for path in installation.contents.rglob("*") if path.is_file()]
    assert len(stored) >= 3
    assert {path.stat().st_uid for path in stored} == {USER}


def assert_large_values_cross(installation: Installation, apis: list[httpx.Client], agent: str) -> None:
    """What one API takes and some engine passes on is read by the other API."""
    task_id = task(
        apis[0], agent, "http://127.0.0.1/", {"evaluate": {"text": "$ _.text", "twice": "$ len(_.text) * 2"}}
    )
    runs = [run(apis[number % 2], task_id, text=LARGE) for number in range(4)]
    for number, run_id in enumerate(runs):
        found = ended(apis[(number + 1) % 2], installation, run_id)
        assert found["output"] == {"text": LARGE, "twice": len(LARGE) * 2}
        assert found["input"] == {"text": LARGE}


def assert_files_cross(apis: list[httpx.Client]) -> None:
    content = base64.b64encode(bytes(range(256)) * 8000).decode()
    for here, there in (apis, apis[::-1]):
        file_id = made(here.post("/files", json={"name": "all bytes", "content": content}))
        assert there.get(f"/files/{file_id}").json()["content"] == content


def assert_chats_go_on_at_the_other(apis: list[httpx.Client], agent: str) -> None:
    session = made(apis[0].post("/sessions", json={"agent": agent}))
    for api, text in zip(apis, ("first", "second"), strict=True):
        answer = api.post(f"/sessions/{session}/chat", json={"messages": [{"role": "user", "content": text}]})
        assert answer.status_code in (200, 201), answer.text
        assert text in answer.json()["choices"][0]["message"]["content"]
    history = apis[0].get(f"/sessions/{session}/history").json()
    assert [entry["role"] for entry in history["entries"]] == ["user", "assistant"] * 2


def assert_lanes_run_on_both(
    installation: Installation, apis: list[httpx.Client], agent: str, meeting: Meeting
) -> None:
    """No call is answered before one came from each host: the map ends only if its lanes run on both."""
    body = {"over": f"$ list(range({CALLS}))", "map": {"tool": "meet", "arguments": {}}, "parallelism": CALLS}
    found = ended(apis[0], installation, run(apis[0], task(apis[0], agent, meeting.url, body)))
    callers = {each["json"]["from"] for each in found["output"]}
    assert callers == {host.address for host in installation.network.hosts}
