"""The form of an answer: JSON is found in what stands around it, else the model is asked once more."""

import asyncio
import json
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.answer import Answer
from agents.llm.own.scripted import Spoken, scripted_model
from agents.llm.pieces import Piece
from agents.llm.reply_form import ReplyForm, ReplyRejected
from agents.models import Developer, ModelUsage

pytestmark = pytest.mark.usefixtures("committed_usage")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
ASKED = [{"role": "user", "content": "A number?"}]
FITTING = '{"a": 1}'
WRAPPED = [
    FITTING,
    f"```json\n{FITTING}\n```",
    f"```\n{FITTING}\n```\nThat is all.",
    f"Here you are: {FITTING}",
    f"A brace {{ is not one. Here: {FITTING}",
    f'First `{{"a": "b"}}` came to mind. ```json\n{FITTING}\n```',
    f"Sure!\n\n```json {FITTING} ```",
]


def question(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": ASKED, "settings": {"response_format": FORM}, **fields}


def streamed(developer: Developer) -> str:
    async def read() -> list[dict[str, Any]]:
        return [chunk async for chunk in gateway.astream(developer, **question())]

    chunks = asyncio.run(read())
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def whole(developer: Developer) -> str:
    (choice,) = gateway.complete(developer, **question())["choices"]
    assert choice["content"] == choice["message"]["content"]
    return str(choice["content"])


def whole_async(developer: Developer) -> str:
    return str(asyncio.run(gateway.acomplete(developer, **question()))["choices"][0]["message"]["content"])


SURFACES = [streamed, whole, whole_async]


@pytest.mark.parametrize("ask", SURFACES)
def test_what_stands_around_json_that_fits_is_taken_away(developer: Developer, ask: Any) -> None:
    with scripted_model(WRAPPED) as model:
        said = [ask(developer).strip() for _ in WRAPPED]
    assert (said, len(model.requests)) == ([FITTING] * len(WRAPPED), len(WRAPPED))


@pytest.mark.parametrize("ask", SURFACES)
def test_otherwise_the_model_is_asked_once_more(developer: Developer, ask: Any) -> None:
    with scripted_model(['```json\n{"a": "one"}\n```', FITTING]) as model:
        assert ask(developer).strip() == FITTING
    assert len(model.requests) == 2 and "'one' is not of type 'integer'" not in str(model.requests[0].messages)
    assert ModelUsage.objects.count() == 2
    with scripted_model(["one", "two"]), pytest.raises(ReplyRejected, match="asked twice: it is not JSON"):
        ask(developer)


def test_the_usage_of_both_counts(developer: Developer) -> None:
    with scripted_model(["one", FITTING]):
        usage = gateway.complete(developer, **question())["usage"]
    rows = list(ModelUsage.objects.values_list("prompt_tokens", "completion_tokens"))
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == tuple(map(sum, zip(*rows, strict=True)))


def test_json_is_told_as_it_comes_and_then_it_is_too_late(developer: Developer) -> None:
    told: list[str] = []

    async def read() -> None:
        async for pieces in gateway.listen(developer, Answer(), live=True, **question()):
            told.extend(piece.text for piece in pieces)

    with scripted_model([Spoken('{"a": ', '"one"}')]), pytest.raises(ReplyRejected, match="form that was asked for"):
        asyncio.run(read())
    assert "".join(told) == json.dumps({"a": "one"})


def test_calls_and_what_was_cut_off_have_no_form() -> None:
    for choice in (
        {"message": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}},
        {"message": {"content": '{"a": '}, "finish_reason": "length"},
    ):
        form, answer = ReplyForm(FORM), Answer()
        answer.add({"choices": [choice]})
        answer.end()
        assert form.settle(answer) is None


def test_text_that_does_not_begin_as_json_is_held_back() -> None:
    form = ReplyForm(FORM)
    assert form.take([Piece("thought", "Hm"), Piece("text", " "), Piece("text", "Sure: {")]) == [Piece("thought", "Hm")]
    assert [piece.text for piece in form.release()] == [" ", "Sure: {"]
    form = ReplyForm(FORM)
    assert [piece.text for piece in form.take([Piece("text", "\n"), Piece("text", "{")])] == ["\n", "{"]


def test_a_text_of_nothing_but_brackets_takes_no_time() -> None:
    form, answer = ReplyForm(FORM, holds_all=True), Answer()
    answer.add({"choices": [{"message": {"content": "see " + "[{" * 100_000}}]})
    answer.end()
    assert form.settle(answer) == "its JSON is too much: nested deeper than 200 levels"
