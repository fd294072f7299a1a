"""A provider that repeats the key it was called with: in answers, in pieces of them, and in errors."""

import asyncio
import base64
import json
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.providers.hidden_key import HiddenKey
from agents.models import Developer
from julep_project.core.errors import DomainError
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import ModelServer

KEY = "own+key/0123456789=abc"
MODEL = "openai/gpt-4o-mini"
ENCODED = base64.b64encode(f"x{KEY}".encode()).decode()[2:-2]


def ask(developer: Developer, **more: Any) -> dict[str, Any]:
    question = {"messages": [{"role": "user", "content": "hi"}], "model": MODEL, "custom_key": KEY, **more}
    return gateway.complete(developer, **question)  # type: ignore[no-any-return]


def heard(developer: Developer) -> list[dict[str, Any]]:
    async def listen() -> list[dict[str, Any]]:
        messages = [{"role": "user", "content": "hi"}]
        return [chunk async for chunk in gateway.astream(developer, messages=messages, model=MODEL, custom_key=KEY)]

    return asyncio.run(listen())


@pytest.mark.django_db
def test_a_whole_answer(developer: Developer, model_server: ModelServer) -> None:
    model_server.script(f"your key is {KEY}, or {ENCODED}")

    answer = ask(developer)

    assert answer["choices"][0]["content"] == "your key is ***, or ***"
    assert KEY not in json.dumps(answer)


@pytest.mark.django_db(transaction=True)
def test_a_stream(developer: Developer, model_server: ModelServer) -> None:
    model_server.script(f"your key is {KEY} own")

    chunks = heard(developer)

    said = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert said.strip() == "your key is *** own"


@pytest.mark.parametrize("size", [1, 5, 100])
def test_pieces_of_texts_and_of_calls(size: int) -> None:
    hidden, said, called = HiddenKey(KEY), "", ""
    pieces = [KEY[start : start + size] for start in range(0, len(KEY), size)]
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": "a "}}]}]
    for piece in pieces:
        call = {"index": 1, "id": "c", "function": {"name": "f", "arguments": piece}}
        chunks.append({"choices": [{"index": 0, "delta": {"content": piece, "tool_calls": [call]}}]})
    chunks.append({"choices": [{"index": 0, "delta": {"content": "own+"}, "finish_reason": "stop"}]})

    for chunk in [*(hidden.chunk(chunk) for chunk in chunks), *hidden.rest()]:
        delta = chunk["choices"][0]["delta"]
        said += delta.get("content") or ""
        called += "".join(call["function"]["arguments"] for call in delta.get("tool_calls") or ())

    assert (said, called) == ("a ***own+", "***")


@pytest.mark.parametrize(
    ("name", "kind", "field"), [("content", "text", "text"), ("thinking_blocks", "thinking", "thinking")]
)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_pieces_of_parts(name: str, kind: str, field: str, size: int) -> None:
    hidden, text = HiddenKey(KEY), f"a {KEY}own+"
    deltas: list[dict[str, Any]] = [
        {name: [{"type": kind, field: text[start : start + size]}]} for start in range(0, len(text), size)
    ]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]

    told = [*(hidden.chunk(chunk) for chunk in chunks), *hidden.rest()]

    parts = [part for chunk in told for part in chunk["choices"][0]["delta"][name]]
    assert "".join(part[field] for part in parts) == "a ***own+"
    assert {part["type"] for part in parts} == {kind}


def test_signed_thoughts_are_whole() -> None:
    hidden = HiddenKey(KEY)
    parts = [{"type": "thinking", "thinking": "my own"}, {"type": "thinking", "signature": "abc"}]
    deltas: list[dict[str, Any]] = [{"thinking_blocks": [part]} for part in parts]

    told = [hidden.chunk({"choices": [{"index": 0, "delta": delta}]})["choices"][0]["delta"] for delta in deltas]

    (begun,), (signed,) = (delta["thinking_blocks"] for delta in told)
    assert (begun["thinking"] + signed["thinking"], signed["signature"]) == ("my own", "abc")
    assert hidden.rest() == []


def test_an_end_in_another_form() -> None:
    hidden = HiddenKey(KEY)
    hidden.chunk({"choices": [{"index": 0, "delta": {"content": "own"}}]})
    last = {"index": 0, "delta": {"content": [{"type": "text", "text": "!"}]}, "finish_reason": "stop"}

    told = hidden.chunk({"choices": [last]})["choices"][0]["delta"]["content"]

    assert [part["text"] for part in told] == ["!", "own"]


def test_an_answer_that_breaks_off() -> None:
    hidden = HiddenKey(KEY)
    told = hidden.chunk({"choices": [{"index": 0, "delta": {"content": "the own+ke"}}]})

    assert told["choices"][0]["delta"]["content"] == "the "
    assert [chunk["choices"][0]["delta"]["content"] for chunk in hidden.rest()] == ["own+ke"]


def test_nothing_is_done_without_a_key() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "x"}}]}

    assert HiddenKey(None).chunk(chunk) is chunk


@pytest.mark.django_db
@pytest.mark.parametrize("told", [KEY, ENCODED, KEY.replace("/", "%2f"), json.dumps(KEY)])
def test_an_error(developer: Developer, model_server: ModelServer, caplog: pytest.LogCaptureFixture, told: str) -> None:
    model_server.script(Reply(401, {"error": {"message": f"wrong key: {told}", "type": "auth"}}))

    with pytest.raises(DomainError, match=r"wrong key: .*\*\*\*") as caught:
        ask(developer)

    assert "0123456789" not in caught.value.message + caplog.text and ENCODED not in caught.value.message
