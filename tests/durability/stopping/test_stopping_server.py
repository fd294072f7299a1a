"""A server told to stop ends what can be resumed, lets chats end, and hands back what takes too long."""

from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from julep_project.devservices.ports import is_free
from sessions.models import Entry, Turn
from sessions.responses.models import StoredResponse
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend, wait_until
from tests.chat.conftest import spoken
from tests.durability.programs import create_task, start_run
from tests.durability.stopping.stopping import LONG_S, assert_quiet, wait_for_exit
from tests.event_streams import events_of
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.streaming import Gate

pytestmark = pytest.mark.slow


@pytest.fixture
def api(transactional_db: None, settings: Any) -> ApiClient:
    """A client in this process."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture
def reaching(provider: ModelServer) -> dict[str, str]:
    return {"OPENAI_API_BASE": provider.api_base, "OPENAI_API_KEY": "sk-loopback-key", "DB_POOL": "1"}


def client_of(server: Backend) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=2 * LONG_S)


def new_session(client: httpx.Client) -> str:
    agent = client.post("/agents", json={"name": "Ada", "model": "openai/loopback"}).json()["id"]
    return str(client.post("/sessions", json={"agent": agent}).json()["id"])


def chat(client: httpx.Client, session: str) -> Any:
    body = {"messages": [{"role": "user", "content": "Hi"}], "recall": False, "stream": True}
    return client.stream("POST", f"/sessions/{session}/chat", json=body)


def said_in(session: str) -> Any:
    """What is recorded of a conversation."""
    return Entry.objects.filter(session_id=session).order_by("seq").values_list("content", flat=True)


def first_said(blocks: Iterator[str]) -> str:
    return next(said for block in blocks if (said := spoken(events_of(block))))


def test_chats_end_and_a_stream_that_can_be_resumed_makes_way(
    api: ApiClient, start_workers: Any, provider: ModelServer, reaching: dict[str, str]
) -> None:
    """Also the chat whose client leaves meanwhile is recorded."""
    server = start_workers(LONG_S, "api", **reaching)
    gate, streamed = Gate(), Event()
    lines: list[str] = []
    run = start_run(api, create_task(api, "http://127.0.0.1:9/", "waits", [{"evaluate": "$ 1"}]))

    def follow() -> None:
        with client_of(server) as follower, follower.stream("GET", f"/executions/{run}/status.stream") as log:
            for line in log.iter_lines():
                lines.append(line)
        streamed.set()

    with client_of(server) as client:
        staying, leaving = new_session(client), new_session(client)
        provider.script(Streamed("first ", gate, "second"))
        with chat(client, staying) as response:
            blocks = response.iter_text()
            assert first_said(blocks) == "first "
            provider.script(Streamed.endless("and on "))
            with chat(client, leaving) as left:
                left_blocks = left.iter_text()
                assert first_said(left_blocks) == "and on "
                follower = Thread(target=follow)
                follower.start()
                wait_until(lambda: bool(lines), LONG_S, server)

                stopping = server.terminate("api")
                assert streamed.wait(LONG_S), "the stream ends by itself, in order"
                wait_until(lambda: "takes no more requests" in server.log("api"), LONG_S, server)
                assert not Entry.objects.exists()
            wait_until(lambda: list(said_in(leaving)) == ["Hi", "and on "], LONG_S, server)
            gate.open()
            assert spoken(events_of("".join(blocks))) == "second"
    assert wait_for_exit(stopping, server) == 0
    assert list(said_in(staying)) == ["Hi", "first second"]
    assert list(Turn.objects.values_list("status", flat=True)) == ["finished"] * 2
    assert_quiet(server, "api")


def test_a_chat_that_takes_too_long_frees_its_session_at_once(
    start_workers: Any, provider: ModelServer, reaching: dict[str, str]
) -> None:
    server = start_workers(1, "api", **reaching)
    said = Streamed.endless("first ")
    provider.script(said)
    with client_of(server) as client, chat(client, new_session(client)) as response:
        blocks = response.iter_text()
        assert first_said(blocks) == "first "

        assert wait_for_exit(server.terminate("api"), server) == 0

        assert list(Turn.objects.values_list("status", flat=True)) == ["cancelled"], server.output()
        blocks.close()
    assert is_free("127.0.0.1", httpx.URL(server.url).port or 0)
    assert_quiet(server, "api")


def test_a_response_in_the_background_is_answered_by_another_worker(
    start_workers: Any, provider: ModelServer, reaching: dict[str, str]
) -> None:
    workers = start_workers(1, "api", "io", "maintenance", **reaching)
    asked, release = Event(), Event()

    def think(_: Any) -> str:
        asked.set()
        release.wait(2 * LONG_S)
        return "late"

    provider.script(think, "in time")
    try:
        with client_of(workers) as client:
            body = {"model": "openai/loopback", "input": "Hi", "background": True}
            response_id = client.post("/v1/responses", json=body).json()["id"]
            assert asked.wait(LONG_S)
            workers.start("io2")

            assert wait_for_exit(workers.terminate("io"), workers) == 0
            wait_until(lambda: StoredResponse.objects.filter(status="completed").exists(), LONG_S, workers)
            answer = client.get(f"/v1/responses/{response_id}").json()
    finally:
        release.set()
    assert answer["output"][0]["content"][0]["text"] == "in time"
    assert StoredResponse.objects.get().attempts == 1
    assert_quiet(workers, "api", "io", "io2", "maintenance")
