"""Connections to providers: shared by all calls of one event loop, gone with it."""

import asyncio
from typing import Any

import httpx
import pytest

from agents.llm import gateway
from agents.llm.providers.event_loops import PerLoopTransport
from agents.models import Developer
from julep_project.devservices.loopback import Reply
from tests.llm.test_streams import ASKED, MODEL
from tests.loopback.model_server import ModelServer

pytestmark = pytest.mark.usefixtures("committed_usage")


class CountingTransport(httpx.AsyncBaseTransport):
    """Answers everything and knows whether it was closed."""

    def __init__(self, made: list["CountingTransport"]) -> None:
        self.closed = False
        made.append(self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=str(self.closed))

    async def aclose(self) -> None:
        self.closed = True


def test_each_loop_has_its_own_and_closes_it() -> None:
    made: list[CountingTransport] = []
    client = httpx.AsyncClient(transport=PerLoopTransport(lambda: CountingTransport(made)))

    async def ask_often() -> None:
        await asyncio.gather(*[client.get("http://127.0.0.1/") for _ in range(5)])
        assert [transport.closed for transport in made][-1:] == [False]

    for loops in range(1, 3):
        asyncio.run(ask_often())
        assert [transport.closed for transport in made] == [True] * loops


@pytest.fixture
def connections(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """One entry for each connection the provider accepts."""
    accepted: list[Any] = []
    serve = model_server.server.process_request

    def count_and_serve(*connection: Any) -> None:
        accepted.append(connection)
        serve(*connection)

    monkeypatch.setattr(model_server.server, "process_request", count_and_serve)
    return accepted


def test_calls_with_other_keys_and_timeouts_use_the_same_connection(
    developer: Developer, model_server: ModelServer, connections: list[Any]
) -> None:
    questions: list[dict[str, Any]] = [
        {"model": MODEL, "messages": ASKED, "custom_key": f"sk-{n}", "timeout_s": 10 + n / 7} for n in range(4)
    ]

    async def ask_one_after_the_other() -> None:
        for question in questions:
            await gateway.acomplete(developer, **question)

    asyncio.run(ask_one_after_the_other())
    assert len(connections) == 1
    for question in questions:
        gateway.complete(developer, **question)
    assert len(connections) == 2

    keys = [request.headers["authorization"] for request in model_server.requests]
    assert keys == [f"Bearer sk-{n}" for n in range(4)] * 2


def test_no_provider_can_set_a_cookie(developer: Developer, model_server: ModelServer) -> None:
    """Callers with different keys share the connections; a cookie would follow from one to the other."""
    message = {"role": "assistant", "content": "hi"}
    body: dict[str, Any] = {"id": "x", "object": "chat.completion", "created": 1, "model": MODEL}
    body["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    model_server.script(*[Reply(200, body, {"Set-Cookie": "who=me; Path=/"})] * 4)

    async def ask_twice() -> None:
        for _ in range(2):
            await gateway.acomplete(developer, model=MODEL, messages=ASKED)

    asyncio.run(ask_twice())
    for _ in range(2):
        gateway.complete(developer, model=MODEL, messages=ASKED)

    assert [request.headers.get("cookie") for request in model_server.requests] == [None] * 4
