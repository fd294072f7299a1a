"""A provider's answer that is nested deep or of very many parts fails the call, typed, and nothing else."""

import asyncio
import json
from typing import Any

import pytest

from agents.llm import gateway
from agents.models import Developer, ModelUsage
from julep_project.core.errors import ModelNotUsable, ModelUnavailable
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import ModelServer

pytestmark = pytest.mark.usefixtures("committed_usage")

QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "model": "gpt-4o"}
WHOLE = {
    "id": "a",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
}
CHUNK = {
    "id": "a",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": "hello"}}],
}
PARTS = {
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep and open": "[" * 100_000,
    "rather deep": "[" * 400 + "]" * 400,
    "wide": "[" + "[]," * 300_000 + "0]",
    "more parts than calls need": "[" + "{}," * 6_000 + "0]",
}
LONG_TEXT = "<p>sorry</p>" * 20_000


def _with(body: dict[str, Any], part: str) -> str:
    return json.dumps(body)[:-1] + f', "x": {part}}}'


@pytest.mark.parametrize("part", list(PARTS))
def test_a_whole_answer(developer: Developer, model_server: ModelServer, part: str) -> None:
    model_server.script(Reply(200, body=_with(WHOLE, PARTS[part]), headers={"Content-Type": "application/json"}))
    with pytest.raises(ModelUnavailable):
        gateway.complete(developer, **QUESTION)


def test_probabilities_may_have_many_parts_where_they_were_asked_for(
    developer: Developer, model_server: ModelServer
) -> None:
    body = _with(WHOLE, PARTS["more parts than calls need"])
    model_server.script(Reply(200, body=body, headers={"Content-Type": "application/json"}))
    asked = gateway.complete(developer, **QUESTION, settings={"logprobs": True, "top_logprobs": 20})
    assert asked["choices"][0]["content"] == "hello"


@pytest.mark.parametrize("kind", ["text/html", "text/event-stream", "application/json", ""])
def test_a_long_text_in_place_of_an_answer_is_not_handed_on(
    developer: Developer, model_server: ModelServer, kind: str
) -> None:
    model_server.script(Reply(200, body=LONG_TEXT, headers={"Content-Type": kind}))
    with pytest.raises(ModelUnavailable, match="a text of 240,000 bytes, and no JSON"):
        gateway.complete(developer, **QUESTION)


def test_of_a_long_refusal_its_status_counts(developer: Developer, model_server: ModelServer) -> None:
    model_server.script(Reply(401, body=LONG_TEXT, headers={"Content-Type": "text/html"}))
    with pytest.raises(ModelNotUsable) as refused:
        gateway.complete(developer, **QUESTION)
    assert len(str(refused.value)) < 5_000


@pytest.mark.parametrize("part", ["deep", "deep and open", "rather deep"])
def test_a_piece_of_a_stream(developer: Developer, model_server: ModelServer, part: str) -> None:
    event = f"data: {_with(CHUNK, PARTS[part])}\n\n"
    model_server.script(Reply(200, body=event, headers={"Content-Type": "text/event-stream"}))

    async def read() -> None:
        async for _ in gateway.astream(developer, **QUESTION):
            pass

    with pytest.raises(ModelUnavailable):
        asyncio.run(read())


@pytest.mark.parametrize("said", [(-5, 7), (2**40, 7), (7, -5), (7, 2**40)], ids=str)
def test_no_count_of_tokens_loses_an_answer(
    developer: Developer, model_server: ModelServer, said: tuple[int, int]
) -> None:
    """What cannot be a count is as none, and no price is made of it."""
    usage = {"prompt_tokens": said[0], "completion_tokens": said[1], "total_tokens": sum(said)}
    model_server.script(Reply(200, {**WHOLE, "usage": usage}))

    answer = gateway.complete(developer, **QUESTION)

    assert answer["choices"][0]["content"] == "hello"
    row = ModelUsage.objects.get()
    expected = [7 if count == 7 else 0 for count in said]
    assert [row.prompt_tokens, row.completion_tokens] == expected
    assert row.cost is not None and row.cost < 1
    assert [answer["usage"][name] for name in ("prompt_tokens", "completion_tokens")] == expected


def test_vectors_of_more_numbers_than_any_have(developer: Developer, model_server: ModelServer) -> None:
    numbers = "[" + "1," * 7_000_000 + "1]"
    body = f'{{"object": "list", "model": "m", "data": [{{"index": 0, "embedding": {numbers}}}], "usage": {{}}}}'
    model_server.script_embeddings(Reply(200, body=body, headers={"Content-Type": "application/json"}))
    with pytest.raises(ModelUnavailable, match="more than 7,000,000 elements"):
        gateway.embed(developer, ["one"], model="text-embedding-3-small")
