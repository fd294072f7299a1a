"""Streamed chats: the format, the order of things, and what becomes of a reply that is cut short."""

import asyncio
import json
from typing import Any

import pytest

from agents.llm.own.scripted import ScriptedModel, Spoken, scripted_model
from agents.models import ModelUsage
from julep_project.core.api.renderers import to_json
from julep_project.core.errors import ModelRefused, ModelUnavailable
from julep_project.core.live import reader
from julep_project.serving.stream_handler import StreamHandler
from sessions.chat import chat_wire
from sessions.models import Turn
from tests.api_client import API_KEY
from tests.chat.conftest import LONGEST_WAIT_S, Stream, Talk, spoken, turns_are_over

CALL = {"id": "call_1", "type": "function", "function": {"name": "ask", "arguments": '{"q": 1}'}}


def test_every_chunk_has_the_form_clients_parse(talk: Talk) -> None:
    with scripted_model(["Hello dear Bea"]):
        events = talk.listen(talk.session(), "Hi")
    assert len({(event["id"], event["created_at"]) for event in events}) == 1
    for event in events:
        assert event.keys() == {"id", "created_at", "jobs", "docs", "usage", "choices"}
        (choice,) = event["choices"]
        assert choice.keys() == {"index", "delta", "finish_reason", "logprobs", "tool_calls"}
        assert choice["finish_reason"] in {"stop", "length", "content_filter", "tool_calls"}
        assert choice["delta"]["role"] == "assistant"
        assert "content" in choice["delta"]
    assert spoken(events) == "Hello dear Bea"
    assert [event["usage"] for event in events[:-1]] == [None] * (len(events) - 1)
    assert events[-1]["usage"]["total_tokens"] > 0


def test_docs_are_encoded_once_for_all_chunks(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Any] = []

    def noting(value: Any) -> bytes:
        encoded.append(value)
        return to_json(value)

    monkeypatch.setattr(chat_wire, "to_json", noting)
    agent = talk.agent()
    assert talk.api.post(f"/agents/{agent}/docs", {"title": "Tides", "content": "tides of the sea"}).status_code == 201
    session = talk.session(agent, recall_options={"mode": "text"})
    with scripted_model([Spoken(*"abcd")]):
        events = talk.listen(session, "Tell me of tides", recall=True)
    assert spoken(events) == "abcd"
    assert [doc["title"] for doc in events[0]["docs"]] == ["Tides"]
    assert all(event["docs"] == events[0]["docs"] for event in events)
    assert sum(value == events[0]["docs"] for value in encoded) == 1
    assert not any("docs" in value for value in encoded if isinstance(value, dict))


def test_headers(talk: Talk) -> None:
    async def read() -> Any:
        with scripted_model(["Hello"]):
            response = await talk.send(talk_session, "Hi", stream=True)
            await Stream(response).rest()
            return response.headers

    talk_session = talk.session()
    headers = asyncio.run(read())
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Accel-Buffering"] == "no"


def test_the_reply_is_stored_once_it_is_complete(talk: Talk) -> None:
    session = talk.session()
    with scripted_model([Spoken("Hel", "lo")]):
        events = talk.listen(session, "Hi")
    assert [event["choices"][0]["delta"]["content"] for event in events] == ["Hel", "lo", None]
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hello")]
    assert ModelUsage.objects.get().metadata["streaming"] is True


def test_a_piece_is_sent_before_the_next_is_said(talk: Talk) -> None:
    session = talk.session()

    async def read() -> list[Any]:
        heard = asyncio.Event()
        with scripted_model([Spoken("first ", heard.wait, "second")]):
            async with talk.stream(session, "Hi") as stream:
                first = await stream.read()
                # The model says nothing more until this.
                heard.set()
                return [first, *await stream.rest()]

    assert spoken(asyncio.run(read())) == "first second"


def test_tool_calls_come_whole_in_the_last_chunk(talk: Talk) -> None:
    session = talk.session(agent := talk.agent())
    talk.tool(agent, name="ask", type="function", function={"parameters": {"type": "object"}})
    with scripted_model([{"content": "Let me ask.", "tool_calls": [CALL]}]):
        events = talk.listen(session, "Hi")
    (choice,) = events[-1]["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["tool_calls"] == choice["delta"]["tool_calls"] == [CALL]
    assert spoken(events) == "Let me ask."


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ModelRefused("no"), 400, "llm_bad_request"), (ModelUnavailable("later"), 502, "llm_api_error")],
)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_before_the_first_piece_is_an_ordinary_answer(
    talk: Talk, error: Exception, status: int, code: str, stream: bool
) -> None:
    session = talk.session()
    with scripted_model([error]):
        response = talk.chat(session, "Hi", stream=stream)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/json")
    assert response.json()["error"]["code"] == code
    assert talk.said(session) == []
    assert Turn.objects.get().status == "cancelled"


def test_an_error_after_it_is_the_last_event_and_nothing_is_stored(talk: Talk) -> None:
    session = talk.session()
    with scripted_model([Spoken("Hel", ModelUnavailable("broken"))]):
        events = talk.listen(session, "Hi")
    assert events[0]["choices"][0]["delta"]["content"] == "Hel"
    assert events[1:] == [{"error": {"message": "broken", "code": "llm_api_error", "type": "LLMServiceError"}}]
    assert talk.said(session) == []


def test_an_unexpected_error_tells_nothing(talk: Talk) -> None:
    with scripted_model([Spoken("Hel", RuntimeError("secret"))]):
        events = talk.listen(talk.session(), "Hi")
    error = {"message": "Internal server error", "code": "http_500", "type": "http_error", "should_retry": False}
    assert events[1:] == [{"error": error}]


def test_a_client_that_leaves_stops_the_model_and_what_was_said_is_kept(talk: Talk) -> None:
    session = talk.session()

    async def leave_early(model: ScriptedModel) -> None:
        async with talk.stream(session, "Hi") as stream:
            await stream.read()
        await turns_are_over()
        assert model.closed == 1

    with scripted_model([Spoken("Hel", asyncio.Event().wait, "lo")]) as model:
        asyncio.run(leave_early(model))
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hel")]
    with scripted_model(["again"]):
        assert talk.ask(session, "Hi")["choices"][0]["message"]["content"] == "again"


def test_a_connection_that_breaks_while_a_piece_is_sent(talk: Talk) -> None:
    session = talk.session()
    body = json.dumps({"message": "Hi", "stream": True, "recall": False}).encode()
    headers = [(b"authorization", f"Bearer {API_KEY}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": f"/sessions/{session}/chat", "headers": headers}
    received = [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        return received.pop() if received else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionError("broken pipe")

    async def serve(model: ScriptedModel) -> None:
        with pytest.raises(ConnectionError):
            await StreamHandler()({**scope, "query_string": b""}, receive, send)
        await turns_are_over()
        assert model.closed == 1

    with scripted_model([Spoken("Hel", asyncio.Event().wait, "lo")]) as model:
        asyncio.run(serve(model))
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hel")]


def test_a_client_that_leaves_before_the_first_piece_leaves_no_trace(talk: Talk) -> None:
    session = talk.session()

    async def leave_early() -> None:
        asked = asyncio.Event()

        async def say_nothing() -> None:
            asked.set()
            await asyncio.Event().wait()

        with scripted_model([Spoken(say_nothing, "Hello")]):
            chat = asyncio.ensure_future(talk.send(session, "Hi", stream=True))
            async with asyncio.timeout(LONGEST_WAIT_S):
                await asked.wait()
            chat.cancel()
            await asyncio.gather(chat, return_exceptions=True)
            await turns_are_over()

    asyncio.run(leave_early())
    assert talk.said(session) == []


def test_a_slow_reader_makes_the_model_wait(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BEHIND", 2)
    session = talk.session()
    said: list[int] = []

    def note(number: int) -> Any:
        async def noted() -> None:
            said.append(number)

        return noted

    pieces = [piece for number in range(20) for piece in (note(number), f"{number} ")]

    async def read_slowly() -> tuple[int, list[Any]]:
        with scripted_model([Spoken(*pieces)]):
            async with talk.stream(session, "Hi") as stream:
                first = await stream.read()
                for _ in range(50):
                    await asyncio.sleep(0)
                before = len(said)
                return before, [first, *await stream.rest()]

    before, events = asyncio.run(read_slowly())
    assert before <= 6
    assert spoken(events) == "".join(f"{number} " for number in range(20))


def test_a_quiet_stream_is_kept_alive(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_KEEP_ALIVE_S", 0.01)
    session = talk.session()

    async def read() -> str:
        go_on = asyncio.Event()
        with scripted_model([Spoken("Hel", go_on.wait, "lo")]):
            async with talk.stream(session, "Hi") as stream:
                await stream.read()
                assert await stream.read_block() == ": ping\n\n"
                go_on.set()
                return spoken(await stream.rest())

    assert asyncio.run(read()) == "lo"


def test_a_chat_that_waits_long_opens_its_stream(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_OPEN_AFTER_S", 0.01)
    session = talk.session()

    async def read() -> list[Any]:
        go_on = asyncio.Event()
        with scripted_model([Spoken(go_on.wait, ModelUnavailable("late"))]):
            async with talk.stream(session, "Hi") as stream:
                go_on.set()
                return await stream.rest()

    assert [event["error"]["code"] for event in asyncio.run(read())] == ["llm_api_error"]
