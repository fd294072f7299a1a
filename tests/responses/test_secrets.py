"""A developer's own key for a provider that repeats it: nothing of it is kept or told, however it was asked."""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from julep_project.core.work import rings
from julep_project.devservices.loopback import Reply
from sessions.responses.answering import background
from tests.loopback.model_server import ModelServer, Streamed, failure, tool_call
from tests.responses.conftest import ResponsesClient
from tests.trust.repeating import HEADER_SAFE, kept, leaks, spellings

STORED, SENT_ALONG = HEADER_SAFE["KEY_00"], HEADER_SAFE["KEY_01"]
HEADERS = {STORED: {}, SENT_ALONG: {"X-Custom-Api-Key": SENT_ALONG}}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
ASKED = {
    "/responses": {"model": "gpt-4o", "input": "Hi", "tools": [WEATHER]},
    "/v1/chat/completions": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]},
}
EMBED = {"model": "text-embedding-3-small", "input": "Hi"}


class Repeating:
    """Asks a provider that answers with the key it was asked with, and keeps all that was told."""

    def __init__(self, api: ResponsesClient, provider: ModelServer) -> None:
        self.told: list[tuple[str, str]] = []
        self.api = api
        self._provider = provider

    def ask(self, path: str, key: str, says: Any, **body: Any) -> None:
        """A request whose answer has something hidden."""
        self._provider.script(says)
        assert "***" in self._send("POST", path, {**ASKED[path], **body}, **HEADERS[key])

    def embed(self, says: Reply) -> None:
        """The same for vectors."""
        self._provider.script_embeddings(says)
        assert "***" in self._send("POST", "/v1/embeddings", EMBED)

    def answer_later(self, says: Any, work: Callable[[UUID], None]) -> None:
        """The same for a response nobody waits for, and all that is told of it afterwards."""
        response_id = UUID(self.api.create(background=True, tools=[WEATHER])["id"].removeprefix("resp_"))
        self._provider.script(says)
        work(response_id)
        for query in ("", "?stream=true"):
            assert "***" in self._send("GET", f"/responses/{response_id}{query}")

    def _send(self, method: str, path: str, body: Any = None, **headers: str) -> str:
        answer = self.api.send(method, path, body, **headers)
        shown = answer.told if answer.streaming else answer.content.decode()
        self.told.append((f"{method} {path} {answer.status_code}", f"{shown} {answer.headers} {joined(shown)}"))
        return str(shown)


def joined(stream: str) -> str:
    """What a reader puts together from the events of a stream: texts of the same name, one after the other."""
    texts: defaultdict[str, str] = defaultdict(str)
    for line in stream.splitlines():
        if line.startswith("data: {"):
            for name, text in named_texts(json.loads(line.removeprefix("data: "))):
                texts[name] += text
    return "\n".join(texts.values())


def named_texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    for key, part in value.items() if isinstance(value, dict) else ():
        yield from named_texts(part, key)
    for part in value if isinstance(value, list) else ():
        yield from named_texts(part, name)


def whole(key: str) -> dict[str, Any]:
    """An answer with the key in every spelling: a text, thoughts and a call."""
    text = " ".join(spellings(key).values())
    return {"content": text, "reasoning_content": text, **tool_call("weather", spellings(key), id=key)}


def in_pieces(key: str) -> Streamed:
    """The same in pieces that cut the key, in all forms that texts come in."""
    pieces = [key[place : place + 5] for place in range(0, len(key), 5)]
    thoughts = [{"reasoning_content": piece} for piece in pieces]
    blocks = [{"thinking_blocks": [{"type": "thinking", "thinking": piece}]} for piece in pieces]
    parts = [{"content": [{"type": "text", "text": piece}]} for piece in pieces]
    opening = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    calls = [opening, *({"index": 0, "function": {"arguments": piece}} for piece in ['{"q": "', *pieces, '"}'])]
    return Streamed(*thoughts, *blocks, *pieces, *parts, *({"tool_calls": [call]} for call in calls))


def refused(key: str) -> Reply:
    text = " ".join(spellings(key).values())
    return failure(401, text, code=key, **{"X-Shown": key})


def broken_off(key: str) -> Streamed:
    """An error in the middle."""
    event = {"error": {"message": " ".join(spellings(key).values()), "code": key, "type": key}}
    return Streamed("Once ", f"data: {json.dumps(event)}\n\n".encode(), cut=True)


@pytest.fixture
def work(api: ResponsesClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[UUID], None]:
    """Does what a worker does with a response nobody waits for."""
    monkeypatch.setattr(rings, "ring", lambda task, response_id: None)
    monkeypatch.setattr(background, "asyncio", SimpleNamespace(run=api.run))
    return background.answer_in_background


def test_a_key_that_a_provider_repeats(
    api: ResponsesClient,
    work: Callable[[UUID], None],
    keep_secret: Callable[..., Any],
    model_server: ModelServer,
    settings: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.MEDIA_ROOT, settings.BLOB_STORE_CUTOFF_KB = str(tmp_path), 1
    keep_secret("OPENAI_API_KEY", STORED)
    repeating = Repeating(api, model_server)

    with caplog.at_level(logging.DEBUG):
        for key in HEADERS:
            for path in ASKED:
                repeating.ask(path, key, whole(key))
                repeating.ask(path, key, in_pieces(key), stream=True)
        for path in ASKED:
            repeating.ask(path, STORED, refused(STORED), stream=True)
            repeating.ask(path, STORED, broken_off(STORED), stream=True)
        repeating.embed(refused(STORED))
        repeating.answer_later(whole(STORED), work)
        repeating.answer_later(refused(STORED), work)

    sent = [request.headers["authorization"].removeprefix("Bearer ") for request in model_server.requests]
    assert (sent.count(STORED), sent.count(SENT_ALONG), len(sent)) == (11, 4, 15)
    log = ("log", caplog.text + str([vars(record) for record in caplog.records]))
    assert leaks([*repeating.told, log, *kept(tmp_path)]) == {}
