"""Chat with the published Python client, against a running server whose models are on loopback."""

from collections.abc import Iterator
from typing import Any

import pytest
from julep import ConflictError, InternalServerError, Julep, NotFoundError

from tests.api_client import API_KEY
from tests.backend import Backend
from tests.loopback.model_server import ModelServer, Streamed, failure, tool_call
from tests.loopback.streaming import Gate
from tests.loopback.web_server import WebServer

TOOL: dict[str, Any] = {
    "name": "weather",
    "type": "function",
    "function": {"parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
def client(transactional_db: None, api_processes: list[Backend]) -> Iterator[Julep]:
    with Julep(api_key=API_KEY, base_url=api_processes[0].url, max_retries=0, timeout=60) as opened:
        yield opened


@pytest.fixture
def session(client: Julep) -> Any:
    agent = client.agents.create(name="Ada", model="openai/loopback")
    client.agents.tools.create(agent.id, **TOOL)
    return client.sessions.create(agent=agent.id)


def _user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_chat(client: Julep, session: Any, provider: ModelServer) -> None:
    provider.script("Hello Bea")
    answer = client.sessions.chat(session.id, messages=_user("Hi"), temperature=0.5, recall=False)
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "Hello Bea", "stop")
    assert answer.usage.total_tokens > 0
    assert (answer.docs, answer.jobs) == ([], [])
    assert provider.chats[-1]["temperature"] == 0.5
    history = client.sessions.history(session.id)
    assert [(entry.role, entry.source) for entry in history.entries] == [
        ("user", "api_request"),
        ("assistant", "api_response"),
    ]


def test_stream(client: Julep, session: Any, provider: ModelServer) -> None:
    gate = Gate()
    provider.script(Streamed("Hello ", gate, "Bea"))
    stream = client.sessions.chat(session.id, messages=_user("Hi"), stream=True, recall=False)
    chunks = []
    for chunk in stream:
        chunks.append(chunk)
        gate.open()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello Bea"
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage.total_tokens > 0


def test_tools_round_trip(client: Julep, session: Any, provider: ModelServer) -> None:
    provider.script(tool_call("weather", {"city": "Rome"}, id="call_7"), "Sunny in Rome")
    asked = client.sessions.chat(session.id, messages=_user("Weather?"), recall=False)
    (choice,) = asked.choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("call_7", "weather", '{"city": "Rome"}')
    result = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = client.sessions.chat(session.id, messages=result, recall=False)
    assert answer.choices[0].message.content == "Sunny in Rome"
    assert [message["role"] for message in provider.chats[-1]["messages"]][-3:] == ["user", "assistant", "tool"]


def test_streamed_tool_calls(client: Julep, session: Any, provider: ModelServer) -> None:
    provider.script(tool_call("weather", {"city": "Rome"}))
    *_, last = client.sessions.chat(session.id, messages=_user("Weather?"), stream=True, recall=False)
    assert last.choices[0].finish_reason == "tool_calls"
    assert last.choices[0].tool_calls[0].function.arguments == '{"city": "Rome"}'


def test_a_busy_session_raises_at_once(client: Julep, session: Any, provider: ModelServer) -> None:
    gate = Gate()
    provider.script(Streamed("Hello ", gate, "Bea"))
    with client.sessions.with_streaming_response.chat(
        session.id, messages=_user("Hi"), stream=True, recall=False
    ) as response:
        lines = response.iter_lines()
        next(lines)
        with pytest.raises(ConflictError):
            client.sessions.chat(session.id, messages=_user("Me too"), recall=False, extra_body={"on_busy": "reject"})
        gate.open()
        list(lines)


@pytest.mark.parametrize("stream", [True, False])
def test_tools_with_effects_are_not_run_again_when_the_model_fails_after_them(
    client: Julep, session: Any, provider: ModelServer, web_server: WebServer, stream: bool
) -> None:
    buy: dict[str, Any] = {"method": "POST", "url": f"{web_server.url}/buy"}
    client.agents.tools.create(session.agent, name="buy", type="api_call", api_call=buy)
    provider.script(tool_call("buy", {"n": 1}), failure(503, "overloaded"))
    stubborn = client.with_options(max_retries=3)
    with pytest.raises(InternalServerError) as failed:
        stubborn.sessions.chat(
            session.id, messages=_user("Buy"), recall=False, stream=stream, extra_body={"auto_run_tools": True}
        )
    assert failed.value.response.headers["x-should-retry"] == "false"
    assert [request.method for request in web_server.requests] == ["POST"]
    assert len(client.sessions.history(session.id).entries) == 0


def test_an_unknown_session(client: Julep) -> None:
    with pytest.raises(NotFoundError):
        client.sessions.chat("01900000-0000-7000-8000-000000000000", messages=_user("Hi"))
