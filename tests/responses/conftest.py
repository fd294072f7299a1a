"""Fixtures of the responses tests.

`api` serves requests on the test's own connection, inside its transaction: fast, one request at a time. `live_api`
serves them as the server does, each query on a connection of its own, so that several may be under way.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import pytest
from django.test import AsyncClient

from agents.llm import gateway
from agents.models import Developer
from julep_project.core import database
from julep_project.devservices.loopback import Reply
from sessions.responses.models import StoredResponse
from tests import described
from tests.api_client import API_KEY
from tests.loopback.web_server import WebServer

gateway.warm()

# What the web search answers.
HITS = {"web": {"results": [{"title": "Tides", "url": "https://tides.example/", "description": "High at noon."}]}}


class ResponsesClient:
    """Sends what the published client sends."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.run = run

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer; of a stream also what was told, as `told`."""
        return self.run(self._send(method, path, body, headers))

    def create(self, **fields: Any) -> dict[str, Any]:
        """The response object of a request that succeeds."""
        answer = self.send("POST", "/responses", {"model": "gpt-4o", "input": "Hi", **fields})
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body

    def refuse(self, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Status and error of a request that does not."""
        answer = self.send("POST", "/responses", {"model": "gpt-4o", "input": "Hi", **fields})
        return answer.status_code, answer.json()["error"]

    def stream(self, **fields: Any) -> list[dict[str, Any]]:
        """The events of a request."""
        body = {"model": "gpt-4o", "input": "Hi", "stream": True, **fields}
        return events_of(self.send("POST", "/responses", body))

    def get(self, response_id: str, query: str = "") -> Any:
        """The response, as it is stored."""
        return self.send("GET", f"/responses/{response_id}{query}")

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        client = AsyncClient(raise_request_exception=False)
        data = b"" if body is None else json.dumps(body).encode()
        response = await client.generic(
            method,
            path,
            data,
            content_type="application/json",
            headers={"Authorization": f"Bearer {API_KEY}", **headers},
        )
        if response.streaming:
            response.told = b"".join([chunk async for chunk in response.streaming_content]).decode()
        return described.hold(method, path, response)


def events_of(response: Any) -> list[dict[str, Any]]:
    """All events of a stream; anything that is neither an event with its name nor a comment fails, and so does a stream
    without its end."""
    assert response.status_code == 200, response.content
    events = []
    *blocks, last = response.told.removesuffix("\n\n").split("\n\n")
    assert last == "data: [DONE]"
    for block in blocks:
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert "error" not in event
        events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def told_from(response: Any) -> list[dict[str, Any]]:
    """The events of a stream from some place on."""
    lines = [line.removeprefix("data: ") for line in response.told.splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def text_of(response: dict[str, Any]) -> str:
    """What was said, refusals included."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["refusal"] if part["type"] == "refusal" else part["text"] for part in parts)


class OwnThread(Executor):
    """Runs event loops on another thread, and their queries on the test's own, where its transaction is."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a query run by the thread that waits in `run`."""
        future: Future[Any] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)

        self._work.put(work)
        return future

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(asyncio.run, coroutine)
            ended.add_done_callback(lambda _: self._work.put(None))
            while (work := self._work.get()) is not None:
                work()
            return ended.result()


@pytest.fixture
def api(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> ResponsesClient:
    settings.AGENTS_API_KEY = API_KEY
    thread = OwnThread()
    monkeypatch.setattr(database, "_executor", lambda threads: thread)
    return ResponsesClient(thread.run)


@pytest.fixture
def live_api(transactional_db: None, settings: Any) -> ResponsesClient:
    """An authenticated client whose requests may overlap."""
    settings.AGENTS_API_KEY = API_KEY
    return ResponsesClient(asyncio.run)


@pytest.fixture
def developer(db: None) -> Developer:
    """The developer requests act for."""
    return Developer.objects.get(pk="00000000-0000-0000-0000-000000000000")


@pytest.fixture
def foreign(db: None) -> StoredResponse:
    """A response of another tenant."""
    stranger = Developer.objects.create(email="stranger@example.com")
    body = {"id": "resp_x", "status": "completed", "output": [], "background": False}
    return StoredResponse.objects.create(developer=stranger, status="completed", body=body)


@pytest.fixture
def web(web_server: WebServer, settings: Any) -> WebServer:
    settings.INTEGRATION_ADDRESSES = {"brave": web_server.url}
    settings.BRAVE_API_KEY = "key"
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    web_server.script("/res/v1/web/search", Reply(200, HITS))
    return web_server
