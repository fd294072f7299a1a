"""The published Anthropic client, unchanged, against running processes whose models are on loopback."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import (
    Anthropic,
    APIStatusError,
    AsyncAnthropic,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    beta_tool,
)
from pydantic import BaseModel

from tests.api_client import API_KEY
from tests.backend import Backend
from tests.loopback.model_server import ModelServer, Streamed, failure, tool_call
from tests.messages.bodies import PICTURE, PIXEL

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "gpt-4o"
HI: Any = [{"role": "user", "content": "Hi"}]
WEATHER: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


class Number(BaseModel):
    """What the model is to answer."""

    n: int


@pytest.fixture
def client(backend: Backend) -> Iterator[Anthropic]:
    with Anthropic(api_key=API_KEY, base_url=backend.url, max_retries=0, timeout=60) as opened:
        yield opened


def test_a_message(client: Anthropic, provider: ModelServer) -> None:
    provider.script("It is four.")
    message = client.messages.create(model=MODEL, max_tokens=100, system="Be brief.", messages=HI)
    assert [block.text for block in message.content if block.type == "text"] == ["It is four."]
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 3)
    assert message._request_id and "," not in message._request_id


def test_a_stream(client: Anthropic, provider: ModelServer) -> None:
    provider.script("one two three")
    with client.messages.stream(model=MODEL, max_tokens=100, messages=HI) as stream:
        words = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(words).split() == ["one", "two", "three"]
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 3)
    assert final.usage.input_tokens > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_round_of_tools(client: Anthropic, provider: ModelServer, streamed: bool) -> None:
    provider.script(tool_call("weather", {"city": "Rome"}, id="call_9"), "Sunny.")
    asked: Any = {"model": MODEL, "max_tokens": 100, "messages": [*HI], "tools": [WEATHER]}
    if streamed:
        with client.messages.stream(**asked) as stream:
            first = stream.get_final_message()
    else:
        first = client.messages.create(**asked)
    [call] = first.content
    assert (first.stop_reason, call.type) == ("tool_use", "tool_use")
    assert call.type == "tool_use" and (call.id, call.name, call.input) == ("call_9", "weather", {"city": "Rome"})

    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "sun"}]}
    asked["messages"] += [first.to_param(), {"role": "user", "content": [result]}]
    second = client.messages.create(**asked)
    assert [block.text for block in second.content if block.type == "text"] == ["Sunny."]
    assert [sent["role"] for sent in provider.chats[-1]["messages"]] == ["user", "assistant", "tool"]


@beta_tool
def add(a: int, b: int) -> str:
    """The sum of two numbers."""
    return str(a + b)


def test_the_clients_own_runner_of_tools(client: Anthropic, provider: ModelServer) -> None:
    """It wants the conversation to be kept by the server, and goes on without where it is told that it is not."""
    provider.script(tool_call("add", {"a": 1, "b": 2}, id="call_9"), "Three.")
    runner = client.beta.messages.tool_runner(model=MODEL, max_tokens=100, messages=HI, tools=[add])
    final = runner.until_done()
    assert [block.text for block in final.content if block.type == "text"] == ["Three."]
    assert provider.chats[-1]["messages"][-1]["content"] == "3"


def test_the_async_client(backend: Backend, provider: ModelServer) -> None:
    async def talk() -> tuple[str, str, list[str]]:
        async with AsyncAnthropic(api_key=API_KEY, base_url=backend.url, max_retries=0, timeout=60) as client:
            message = await client.messages.create(model=MODEL, max_tokens=100, messages=HI)
            async with client.messages.stream(model=MODEL, max_tokens=100, messages=HI) as stream:
                told = await stream.get_final_text()
            listed = [model.id async for model in client.models.list(limit=50)]
            return message.content[0].text, told, listed  # type: ignore[union-attr]

    provider.script("one", "two")
    said, told, listed = asyncio.run(talk())
    assert (said, told.strip(), "offline/echo" in listed) == ("one", "two", True)


def test_a_picture(client: Anthropic, provider: ModelServer) -> None:
    picture: Any = PICTURE
    client.messages.create(model=MODEL, max_tokens=100, messages=[{"role": "user", "content": [picture]}])
    [part] = provider.chats[-1]["messages"][0]["content"]
    assert part["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"


def test_thoughts(client: Anthropic, provider: ModelServer) -> None:
    provider.script({"content": "Four.", "reasoning_content": "2 + 2"}, "Sure.")
    first = client.messages.create(
        model="o3-mini", max_tokens=2000, messages=HI, thinking={"type": "enabled", "budget_tokens": 1024}
    )
    thought, text = first.content
    assert thought.type == "thinking" and thought.thinking == "2 + 2"
    assert provider.chats[-1]["reasoning_effort"] == "low"
    client.messages.create(model=MODEL, max_tokens=9, messages=[*HI, first.to_param(), *HI])
    assert provider.chats[-1]["messages"][1]["content"] == text.text  # type: ignore[union-attr]


def test_a_form(client: Anthropic, provider: ModelServer) -> None:
    provider.script("four", '{"n": 4}')
    parsed = client.messages.parse(model=MODEL, max_tokens=100, messages=HI, output_format=Number)
    assert parsed.parsed_output == Number(n=4)


def test_tokens(client: Anthropic) -> None:
    assert client.messages.count_tokens(model=MODEL, messages=HI).input_tokens > 0


def test_models(client: Anthropic) -> None:
    assert "offline/echo" in [model.id for model in client.models.list(limit=50)]
    assert client.models.retrieve("offline/echo").type == "model"


def test_errors(client: Anthropic, provider: ModelServer, backend: Backend) -> None:
    ask: Any = {"model": MODEL, "max_tokens": 100, "messages": HI}
    with pytest.raises(BadRequestError, match=r"messages\[0\].content") as refused:
        client.messages.create(**{**ask, "messages": [{"role": "user", "content": ""}]})
    assert (refused.value.type, bool(refused.value.request_id)) == ("invalid_request_error", True)
    late = failure(429, "slow down", **{"Retry-After": "60"})
    provider.script(failure(400, "no such thing"), failure(503, "overloaded"), late)
    with pytest.raises(BadRequestError, match="no such thing"):
        client.messages.create(**ask)
    with pytest.raises(OverloadedError, match="overloaded"):
        client.messages.create(**ask)
    with pytest.raises(RateLimitError, match="slow down"):
        client.messages.create(**ask)
    with pytest.raises(NotFoundError):
        client.models.retrieve("nothing")
    with pytest.raises(NotFoundError):
        client.messages.batches.list()
    with (
        Anthropic(api_key="wrong", base_url=backend.url, max_retries=0) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.messages.create(**ask)


def test_a_stream_that_breaks_off(client: Anthropic, provider: ModelServer) -> None:
    provider.script(Streamed("Once ", cut=True))
    with (
        client.messages.stream(model=MODEL, max_tokens=100, messages=HI) as stream,
        pytest.raises(APIStatusError) as error,
    ):
        list(stream)
    assert error.value.type == "api_error"
