"""Chats over HTTP on committed rows, answered by a scripted model. The event loop is the test's own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.test import AsyncClient

from julep_project.core.database import run_query
from julep_project.core.work import rings
from sessions.models import Entry, Turn
from tests import described
from tests.api_client import API_KEY, ApiClient
from tests.event_streams import events_of

MODEL = "scripted/one"
LONGEST_WAIT_S = 20


def messages(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


def spoken(events: Iterable[dict[str, Any]], index: int = 0) -> str:
    """The joined contents of one choice."""
    choices = [choice for event in events for choice in event["choices"] if choice["index"] == index]
    return "".join(choice["delta"]["content"] or "" for choice in choices)


async def until(rows: Callable[[], Any], wanted: bool = True) -> None:
    """Wait until there are (or are no) such rows: a chat's own task ends after the response."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while await run_query(lambda: rows().exists()) is not wanted:
            await asyncio.sleep(0.005)


async def turns_are_over() -> None:
    """Wait until no chat runs or waits."""
    await until(lambda: Turn.objects.filter(status__in=("waiting", "running")), False)


class Stream:
    """A response that is being read."""

    def __init__(self, response: Any) -> None:
        assert response.status_code == 201, response.content
        assert response.headers["Content-Type"] == "text/event-stream"
        self._response = response
        self._blocks = aiter(response)
        self.text = ""

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(LONGEST_WAIT_S):
            while not (events := events_of(await self.read_block())):
                pass
        return events[0]

    async def read_block(self) -> str:
        """The next event or comment as it is."""
        block = (await anext(self._blocks)).decode()
        self.text += block
        return block

    async def rest(self) -> list[dict[str, Any]]:
        """All events up to the end."""
        text = ""
        async with asyncio.timeout(LONGEST_WAIT_S):
            async for block in self._blocks:
                text += block.decode()
        self.text += text
        return events_of(text) if text else []

    def leave(self) -> None:
        self._response.close()


class Talk:
    """Sessions and chats of one tenant."""

    def __init__(self) -> None:
        self.api = ApiClient()

    def agent(self, **fields: Any) -> str:
        """Make an agent; its id."""
        return self._made("/agents", {"name": "Ada", "model": MODEL, **fields})

    def session(self, *agents: str, **fields: Any) -> str:
        """Make a session, with an agent of its own if none is given; its id."""
        return self._made("/sessions", {"agents": list(agents) or [self.agent()], **fields})

    def tool(self, agent: str, **fields: Any) -> None:
        """Give the agent a tool."""
        self._made(f"/agents/{agent}/tools", fields)

    def chat(self, session: str, *texts: str, **body: Any) -> Any:
        """The response of a chat that is not streamed, or that is refused."""
        return asyncio.run(self.send(session, *texts, **body))

    def ask(self, session: str, *texts: str, **body: Any) -> dict[str, Any]:
        """The answer of a chat that is not streamed."""
        response = self.chat(session, *texts, **body)
        assert response.status_code == 201, response.json()
        answer: dict[str, Any] = response.json()
        return answer

    def listen(self, session: str, *texts: str, **body: Any) -> list[dict[str, Any]]:
        """All events of a streamed chat."""

        async def read() -> list[dict[str, Any]]:
            async with self.stream(session, *texts, **body) as stream:
                return await stream.rest()

        return asyncio.run(read())

    async def send(self, session: str, *texts: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
        """A chat, on the running event loop."""
        body = {"recall": False, **({"messages": messages(*texts)} if texts else {}), **body}
        path = f"/sessions/{session}/chat"
        answer = await AsyncClient(raise_request_exception=False).post(
            path,
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {API_KEY}", **(headers or {})},
        )
        return described.hold("POST", path, answer)

    @asynccontextmanager
    async def stream(self, session: str, *texts: str, **body: Any) -> AsyncIterator[Stream]:
        """A streamed chat, open for the length of the block."""
        stream = Stream(await self.send(session, *texts, stream=True, **body))
        try:
            yield stream
        finally:
            stream.leave()

    def said(self, session: str) -> list[tuple[str, Any]]:
        """Role and content of everything stored, in order."""
        rows = Entry.objects.filter(session_id=session, superseded_by=None).order_by("place", "seq")
        return [(row.role, row.content) for row in rows]

    def _made(self, path: str, body: dict[str, Any]) -> str:
        answer = self.api.post(path, body)
        assert answer.status_code == 201, answer.json()
        return str(answer.json()["id"])


@pytest.fixture
def talk(transactional_db: None, settings: Any) -> Talk:
    """A client on an empty database."""
    settings.AGENTS_API_KEY = API_KEY
    # As `StreamHandler` serves it: the other middleware would hold a thread for each request.
    settings.MIDDLEWARE = ["julep_project.core.api.middleware.ApiMiddleware"]
    return Talk()


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the jobs that workers were told of."""
    told: list[str] = []
    monkeypatch.setattr(rings, "ring", lambda task, job_id: told.append(str(job_id)))
    return told
