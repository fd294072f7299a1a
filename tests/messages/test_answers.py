"""Messages as they are answered, whole and as events, held to the published types."""

import asyncio
from typing import Any

import pytest
from anthropic.types import Message

from agents.llm.own.scripted import Spoken, scripted_model
from agents.models import ModelUsage
from julep_project.core.errors import ModelUnavailable
from julep_project.core.live import reader
from tests.loopback.claude import claude_answers, claude_streams
from tests.loopback.model_server import ModelServer, Streamed, tool_call
from tests.loopback.web_server import WebServer
from tests.messages.bodies import CALL, HIDDEN, THOUGHT, TOOL
from tests.messages.conftest import ASK, MessagesClient
from tests.messages.published import error_of, events_of, message_of
from tests.responses.conftest import ResponsesClient

CLAUDE = "anthropic/claude-haiku-4-5"
TEXT = {"type": "text", "text": "Hello dear", "citations": None}
USED = {"input_tokens": 3, "output_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7}


def told(client: MessagesClient, **fields: Any) -> list[Any]:
    answer = client.send(body={**ASK, "stream": True, **fields})
    assert answer.status_code == 200, answer.content
    return events_of(answer.told)


def asked(client: MessagesClient, *, stream: bool, **fields: Any) -> dict[str, Any]:
    """The message: what was answered, or what a client makes of the events."""
    if not stream:
        return message_of(client.create(**fields)).to_dict()
    events = told(client, **fields)
    begun, *_, changed, stopped = events
    assert (begun.type, changed.type, stopped.type) == ("message_start", "message_delta", "message_stop")
    message: dict[str, Any] = begun.message.to_dict()
    message_of(message)
    for event in events[1:-2]:
        _take(message["content"], event.to_dict())
    message.update({name: getattr(changed.delta, name) for name in ("stop_reason", "stop_sequence")})
    details = changed.delta.stop_details
    message["stop_details"] = details and details.to_dict()
    message["usage"].update(changed.usage.to_dict())
    return message


def _take(content: list[Any], event: dict[str, Any]) -> None:
    match event:
        case {"type": "content_block_start", "index": index, "content_block": block}:
            assert index == len(content)
            content.append({**block, "input": ""} if block["type"] == "tool_use" else block)
        case {"type": "content_block_delta", "index": index, "delta": delta}:
            assert index == len(content) - 1
            name = {"input_json_delta": "partial_json"}.get(delta["type"], delta["type"].removesuffix("_delta"))
            field = "input" if name == "partial_json" else name
            content[-1][field] += delta[name]
        case {"type": "content_block_stop", "index": index}:
            assert index == len(content) - 1


@pytest.mark.parametrize("stream", [False, True])
def test_text(client: MessagesClient, stream: bool) -> None:
    with scripted_model(["Hello dear"]):
        message = asked(client, stream=stream)
    assert message["content"] == [TEXT]
    assert (message["stop_reason"], message["stop_sequence"], message["model"]) == ("end_turn", None, "gpt-4o")
    assert message["id"].startswith("msg_")
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (1, 2)
    assert ModelUsage.objects.get().completion_tokens == 2


@pytest.mark.parametrize("stream", [False, True])
def test_calls(client: MessagesClient, stream: bool) -> None:
    with scripted_model([{"content": "I look.", **tool_call("weather", {"city": "Rome"}, id="call_9")}]):
        message = asked(client, stream=stream, tools=[TOOL])
    arguments = '{"city": "Rome"}' if stream else {"city": "Rome"}
    call = {"type": "tool_use", "id": "call_9", "name": "weather", "input": arguments}
    assert (message["content"], message["stop_reason"]) == ([{**TEXT, "text": "I look."}, call], "tool_use")


@pytest.mark.parametrize(
    ("reason", "stop"), [("length", "max_tokens"), ("content_filter", "refusal"), ("stop", "end_turn")]
)
def test_why_it_stops(client: MessagesClient, model_server: ModelServer, reason: str, stop: str) -> None:
    model_server.script(Streamed("Hello ", "dear", reason=reason))
    message = asked(client, stream=True)
    assert (message["stop_reason"], message["content"]) == (stop, [TEXT])


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal(client: MessagesClient, stream: bool) -> None:
    with scripted_model([{"refusal": "I cannot."}]):
        message = asked(client, stream=stream)
    assert message["content"][0]["text"] == "I cannot."
    assert message["stop_reason"] == "refusal"
    assert message["stop_details"] == {"type": "refusal", "category": None, "explanation": "I cannot."}


@pytest.mark.parametrize("stream", [False, True])
def test_claude_thinks_and_calls(client: MessagesClient, claude: WebServer, stream: bool) -> None:
    answers = claude_streams if stream else claude_answers
    content = [THOUGHT, HIDDEN, {"type": "text", "text": "I look."}, CALL]
    claude.script("/v1/messages", answers(content, "tool_use", usage=USED))
    thinking = {"type": "enabled", "budget_tokens": 1024}
    message = asked(client, stream=stream, model=CLAUDE, max_tokens=2000, tools=[TOOL], thinking=thinking)
    call = {**CALL, "input": '{"city": "Rome"}'} if stream else CALL
    assert message["content"] == [THOUGHT, HIDDEN, {**TEXT, "text": "I look."}, call]
    assert {name: message["usage"][name] for name in USED} == USED


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("thinking", [{"type": "disabled"}, {"type": "adaptive", "display": "omitted"}, None])
def test_thoughts_without_a_signature(
    client: MessagesClient, model_server: ModelServer, stream: bool, thinking: Any
) -> None:
    whole = {"content": "Hello", "reasoning_content": "Hm."}
    model_server.script(Streamed({"reasoning_content": "Hm."}, "Hello") if stream else whole)
    thoughts = [{"type": "thinking", "thinking": "Hm.", "signature": ""}] if thinking is None else []
    assert asked(client, stream=stream, thinking=thinking)["content"] == [*thoughts, {**TEXT, "text": "Hello"}]


@pytest.mark.parametrize("stream", [False, True])
def test_the_text_that_stopped_it(client: MessagesClient, claude: WebServer, stream: bool) -> None:
    answers = claude_streams if stream else claude_answers
    content = [{"type": "text", "text": "Hello"}]
    claude.script("/v1/messages", answers(content, "stop_sequence", stop_sequence="END"))
    message = asked(client, stream=stream, model=CLAUDE, stop_sequences=["STOP", "END"])
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")


@pytest.mark.parametrize("stream", [False, True])
def test_a_form(client: MessagesClient, stream: bool) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with scripted_model(["four", '{"n": 4}']) as model:
        message = asked(client, stream=stream, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert message["content"][0]["text"] == '{"n": 4}'
    assert len(model.requests) == 2


def test_a_call_that_cannot_be_read(client: MessagesClient) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{city"}}
    with scripted_model([{"tool_calls": [call]}]):
        status, kind, message = client.refuse(tools=[TOOL])
    assert (status, kind) == (502, "api_error")
    assert "weather" in message


def test_an_answer_that_breaks_off(client: MessagesClient) -> None:
    with scripted_model([Spoken("Once ", ModelUnavailable("gone"))]):
        *events, error = told(client)
    assert [event.type for event in events] == ["message_start", "content_block_start", "content_block_delta"]
    assert (error.type, error.error.type, error.error.message) == ("error", "api_error", "gone")
    assert error.request_id


def test_what_is_refused_at_once_is_no_stream(client: MessagesClient) -> None:
    with scripted_model([ModelUnavailable("overloaded")]):
        answer = client.send(body={**ASK, "stream": True})
    assert (answer.status_code, error_of(answer).error.message) == (502, "overloaded")


def test_silence_is_told(live_api: ResponsesClient, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_OPEN_AFTER_S", 0.01)
    monkeypatch.setattr(reader, "_KEEP_ALIVE_S", 0.01)
    settings.CHAT_TIMEOUT_S = 0.3
    with scripted_model([Spoken("Once ", asyncio.Event().wait)]):
        answer = MessagesClient(live_api).send(body={**ASK, "stream": True})
    assert answer.told.count("event: ping") > 1
    assert events_of(answer.told)[-1].error.type == "timeout_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_is_sent_again(live_api: ResponsesClient, model_server: ModelServer, stream: bool) -> None:
    model_server.script("Hello", "again")
    client, key = MessagesClient(live_api), {"Idempotency-Key": "k1"}
    first, second = (client.send(body={**ASK, "stream": stream}, **key) for _ in range(2))
    assert second.headers["Idempotent-Replayed"] == "true"
    if stream:
        assert second.content.decode() == first.told
    else:
        assert Message.model_validate(second.json()) == Message.model_validate(first.json())
    assert len(model_server.chats) == 1
