"""The limits of chats hold for every other way to ask a model: how long it may take, how much it may say, and how long
it waits for a client that does not read."""

import asyncio
import json
from typing import Any

import pytest
from django.test import AsyncClient
from openai.types.responses import ResponseErrorEvent

from agents.llm.answer import MOST_CALLS
from agents.llm.own.scripted import Spoken, scripted_model
from agents.models import ModelUsage
from julep_project.core.live import reader
from julep_project.core.work import rings
from sessions.responses.answering.background import answer_in_background
from sessions.responses.models import StoredResponse
from tests.api_client import API_KEY
from tests.loopback.model_server import ModelServer, Streamed
from tests.responses.conftest import ResponsesClient, text_of

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
RESPOND = {"model": "gpt-4o", "input": "Hi"}
LONGEST_WAIT_S = 20
# Enough for a first piece to come, on a busy machine too.
SHORT_S = 1

TIMED_OUT = "The answer took longer than a chat may."
NOT_READ = "The client did not read what was said to it, and the answer was stopped."
TOO_LONG = "The model's reply is longer than 1000 characters"
LONG = " ".join(["word"] * 1000)


def _forever() -> Any:
    return asyncio.Event().wait


def _events(text: str) -> list[Any]:
    datas = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


async def _open(path: str, body: dict[str, Any]) -> Any:
    return await AsyncClient(raise_request_exception=False).post(
        path,
        json.dumps({**body, "stream": True}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {API_KEY}"},
    )


class TestDeadline:
    def test_a_streamed_response(self, live_api: ResponsesClient, settings: Any) -> None:
        settings.CHAT_TIMEOUT_S = SHORT_S
        with scripted_model([Spoken("Once ", _forever(), "upon")]) as model:
            events = live_api.stream()
        assert model.closed == 1
        assert events[-1]["type"] == "response.failed"
        ended = events[-1]["response"]
        assert (ended["status"], ended["error"]) == ("failed", {"code": "server_error", "message": TIMED_OUT})
        assert (text_of(ended), ended["output"][0]["status"]) == ("Once ", "incomplete")
        assert live_api.get(ended["id"]).json() == ended
        assert ModelUsage.objects.count() == 1

    def test_a_whole_response(self, live_api: ResponsesClient, model_server: ModelServer, settings: Any) -> None:
        settings.CHAT_TIMEOUT_S = SHORT_S
        answer = Streamed.endless()
        model_server.script(answer)
        status, error = live_api.refuse()
        assert (status, error) == (504, {"message": TIMED_OUT, "code": "chat_timed_out", "type": "http_error"})
        assert answer.gone.wait(LONGEST_WAIT_S)
        assert StoredResponse.objects.get().status == "failed"

    def test_a_response_in_the_background(
        self, live_api: ResponsesClient, model_server: ModelServer, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rings, "ring", lambda *_: None)
        queued = live_api.create(background=True)
        settings.CHAT_TIMEOUT_S = SHORT_S
        answer = Streamed.endless()
        model_server.script(answer)
        answer_in_background(StoredResponse.objects.get().pk)
        assert answer.gone.wait(LONGEST_WAIT_S)
        ended = live_api.get(queued["id"]).json()
        assert (ended["status"], ended["error"]) == ("failed", {"code": "server_error", "message": TIMED_OUT})

    def test_a_streamed_completion(self, live_api: ResponsesClient, settings: Any) -> None:
        settings.CHAT_TIMEOUT_S = SHORT_S
        with scripted_model([Spoken("Once ", _forever(), "upon")]) as model:
            told = live_api.send("POST", "/v1/chat/completions", {**ASK, "stream": True}).told
        assert model.closed == 1
        first, error, done = _events(told)
        assert first["choices"][0]["delta"]["content"] == "Once "
        assert error == {"error": {"message": TIMED_OUT, "code": "chat_timed_out", "type": "http_error", "param": None}}
        assert done == "[DONE]"
        assert ModelUsage.objects.count() == 1

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_completion_that_does_not_begin(
        self, live_api: ResponsesClient, model_server: ModelServer, settings: Any, stream: bool
    ) -> None:
        settings.CHAT_TIMEOUT_S = SHORT_S
        answer = Streamed.endless()
        model_server.script(answer)
        refused = live_api.send("POST", "/v1/chat/completions", {**ASK, "stream": stream})
        assert (refused.status_code, refused.headers["x-should-retry"]) == (504, "false")
        assert refused.json() == {
            "error": {"message": TIMED_OUT, "code": "chat_timed_out", "type": "http_error", "param": None}
        }
        assert answer.gone.wait(LONGEST_WAIT_S)


class TestLength:
    def test_a_streamed_response(self, live_api: ResponsesClient, settings: Any) -> None:
        settings.MAX_REPLY_CHARACTERS = 1000
        with scripted_model([LONG]) as model:
            ended = live_api.stream()[-1]["response"]
        assert model.closed == 1
        assert (ended["status"], ended["error"]) == ("failed", {"code": "server_error", "message": TOO_LONG})
        assert len(text_of(ended)) < 1000

    def test_a_whole_response(self, live_api: ResponsesClient, settings: Any) -> None:
        settings.MAX_REPLY_CHARACTERS = 1000
        with scripted_model([LONG]):
            status, error = live_api.refuse()
        assert (status, error) == (502, {"message": TOO_LONG, "code": "reply_too_long", "type": "http_error"})
        assert ModelUsage.objects.count() == 1

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_completion(self, live_api: ResponsesClient, settings: Any, stream: bool) -> None:
        settings.MAX_REPLY_CHARACTERS = 1000
        with scripted_model([LONG]) as model:
            answer = live_api.send("POST", "/v1/chat/completions", {**ASK, "stream": stream})
        expected = {"error": {"message": TOO_LONG, "code": "reply_too_long", "type": "http_error", "param": None}}
        if stream:
            assert model.closed == 1
            assert _events(answer.told)[-2:] == [expected, "[DONE]"]
        else:
            assert (answer.status_code, answer.json()) == (502, expected)
        assert ModelUsage.objects.count() == 1

    @pytest.mark.parametrize("stream", [False, True])
    def test_calls_without_end(self, live_api: ResponsesClient, stream: bool) -> None:
        calls = [
            {"id": f"c{number}", "type": "function", "function": {"name": "fly", "arguments": "{}"}}
            for number in range(MOST_CALLS + 1)
        ]
        with scripted_model([{"tool_calls": calls[:-1]}, {"tool_calls": calls}]):
            allowed = live_api.send("POST", "/v1/chat/completions", ASK)
            answer = live_api.send("POST", "/v1/chat/completions", {**ASK, "stream": stream})
        assert allowed.status_code == 200
        error = _events(answer.told)[-2] if stream else answer.json()
        assert error["error"]["message"] == f"The model's reply calls tools more than {MOST_CALLS} times"


async def _stalled(path: str, body: Any) -> str:
    """All that a reader gets who reads one piece and goes on only when the model was left."""
    with scripted_model([Spoken(*"abcdefgh", _forever())]) as model:
        response = await _open(path, body)
        blocks = aiter(response.streaming_content)
        first = await anext(blocks)
        async with asyncio.timeout(LONGEST_WAIT_S):
            while not model.closed:
                await asyncio.sleep(0.005)
            return (first + b"".join([block async for block in blocks])).decode()


class TestReaderThatStalls:
    @pytest.fixture(autouse=True)
    def few_pieces_behind(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "_BEHIND", 2)
        settings.CHAT_READER_TIMEOUT_S = 0.05

    def test_a_streamed_response(self, live_api: ResponsesClient) -> None:
        *events, done = _events(asyncio.run(_stalled("/responses", RESPOND)))
        assert [event["type"] for event in events] == ["response.created", "response.failed"]
        assert done == "[DONE]"
        ended = events[-1]["response"]
        assert ended["error"] == {"code": "server_error", "message": NOT_READ}
        assert "abcdefgh".startswith(text_of(ended))
        assert live_api.get(ended["id"]).json() == ended

    def test_a_streamed_completion(self, live_api: ResponsesClient) -> None:
        first, error, done = _events(asyncio.run(_stalled("/v1/chat/completions", ASK)))
        assert first["choices"][0]["delta"]["content"] == "a"
        assert error == {"error": {"message": NOT_READ, "code": "reader_too_slow", "type": "http_error", "param": None}}
        assert done == "[DONE]"

    def test_a_response_that_is_told_again(self, live_api: ResponsesClient, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is ended by it but the telling."""
        with scripted_model(["one two three four five"]):
            row_id = live_api.create()["id"]
        given_up = asyncio.Event()
        give_up = reader.Relay._give_up

        def noting(relay: reader.Relay) -> None:
            give_up(relay)
            given_up.set()

        monkeypatch.setattr(reader.Relay, "_give_up", noting)

        async def stall() -> str:
            client = AsyncClient(raise_request_exception=False)
            response = await client.get(
                f"/responses/{row_id}?stream=true", headers={"Authorization": f"Bearer {API_KEY}"}
            )
            blocks = aiter(response.streaming_content)
            first = await anext(blocks)
            async with asyncio.timeout(LONGEST_WAIT_S):
                await given_up.wait()
                return (first + b"".join([block async for block in blocks])).decode()

        *events, error, done = _events(asyncio.run(stall()))
        assert (events[0]["type"], done) == ("response.created", "[DONE]")
        ResponseErrorEvent.model_validate(error)
        assert (error["code"], error["message"], error["param"]) == ("reader_too_slow", NOT_READ, None)
        assert error["sequence_number"] > 0
        assert live_api.get(row_id).json()["status"] == "completed"
