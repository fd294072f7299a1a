"""Streams of the models that are ours, and of the scripted one."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.chunks import cut
from agents.llm.own.scripted import ScriptExhausted, Spoken, scripted_model
from agents.models import Developer, ModelUsage
from julep_project.core.errors import DomainError, ModelUnavailable
from tests.llm.test_streams import ASKED, assembled, read, run, said, stream

pytestmark = pytest.mark.usefixtures("committed_usage")


def test_the_offline_echo_speaks_word_by_word(developer: Developer) -> None:
    chunks = read(developer, model="offline/echo")
    whole = gateway.complete(developer, model="offline/echo", messages=ASKED)

    assert [choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"]] == [
        *["What ", "is ", "two ", "and ", "two?"],
        None,
    ]
    answer = assembled(chunks)
    assert (answer.text, answer.finish_reason) == (whole["choices"][0]["content"], "stop")
    assert chunks[-1]["usage"] == whole["usage"]
    marks: list[dict[str, Any]] = [{"streaming": True}, {}]
    streamed, other = (ModelUsage.objects.get(metadata={"tags": ["paid"], **mark}) for mark in marks)
    assert (streamed.cost, streamed.estimated) == (Decimal(0), False)
    assert (streamed.prompt_tokens, streamed.completion_tokens) == (other.prompt_tokens, other.completion_tokens)


@pytest.mark.parametrize("text", ["", " ", "\n\n a  b \n", "ein Wort", "x" * 1000])
def test_the_pieces_of_a_text_are_the_text(developer: Developer, text: str) -> None:
    with scripted_model([text]):
        assert said(read(developer)) == text


def test_whole_answers_survive_being_cut(developer: Developer) -> None:
    calls = [
        {"id": str(n), "type": "function", "function": {"name": f"f{n}", "arguments": '{"a": "%s"}' % ("x" * 50 * n)}}
        for n in range(3)
    ]
    said = {"role": "assistant", "content": "one two", "tool_calls": None}
    calling = {"role": "assistant", "content": None, "tool_calls": calls}
    for message, reason in ((said, "length"), (calling, "tool_calls")):
        choice = {"index": 1, "message": message, "finish_reason": reason}

        answer = assembled(cut({"id": "x", "created": 1, "model": "m", "choices": [choice]}))

        assert (answer.message(), answer.finish_reason) == (message, reason)


class TestScripted:
    def test_pieces_come_at_the_pace_of_the_test(self, developer: Developer) -> None:
        async def talk() -> list[str]:
            gate = asyncio.Event()
            with scripted_model([Spoken("one ", gate.wait, "two")]) as model:
                chunks = stream(developer)
                first = await anext(chunks)
                waiting = asyncio.ensure_future(anext(chunks))
                await asyncio.sleep(0)
                assert not waiting.done()
                gate.set()
                rest = [await waiting, *[chunk async for chunk in chunks]]
                assert model.closed == 1
            return [said([first]), said(rest)]

        assert run(talk()) == ["one ", "two"]

    def test_it_breaks_off_where_the_script_does(self, developer: Developer) -> None:
        chunks = []

        async def talk() -> None:
            async for chunk in stream(developer):
                chunks.append(chunk)

        with scripted_model([Spoken("one ", ModelUnavailable("gone")), Spoken("one", ModelUnavailable("gone"))]):
            with pytest.raises(ModelUnavailable, match="gone"):
                run(talk())
            with pytest.raises(ModelUnavailable, match="gone"):
                gateway.complete(developer, model="m", messages=ASKED)

        assert said(chunks) == "one "
        assert ModelUsage.objects.get().estimated

    def test_an_error_comes_before_the_first_word(self, developer: Developer) -> None:
        with scripted_model([ModelUnavailable("busy")]) as model:
            with pytest.raises(ModelUnavailable, match="busy"):
                read(developer)
            with pytest.raises(ScriptExhausted):
                read(developer)

        assert model.closed == 0
        assert not ModelUsage.objects.exists()

    def test_leaving_closes_the_stream(self, developer: Developer) -> None:
        async def leave() -> None:
            chunks = stream(developer)
            await anext(chunks)
            await chunks.aclose()  # type: ignore[attr-defined]

        with scripted_model([Spoken("one ", "two ", "three")]) as model:
            run(leave())

        assert model.closed == 1
        assert ModelUsage.objects.get().estimated

    def test_a_whole_answer(self, developer: Developer) -> None:
        with scripted_model(["one", Spoken("one ", "two")]):
            answers = [run(gateway.acomplete(developer, model="m", messages=ASKED)) for _ in range(2)]

        assert [answer["choices"][0]["content"] for answer in answers] == ["one", "one two"]
        assert ModelUsage.objects.filter(cost=None, estimated=False).count() == 2

    def test_a_bad_name_is_refused_first(self, developer: Developer) -> None:
        with scripted_model(["never said"]) as model, pytest.raises(DomainError):
            run(gateway.acomplete(developer, model="a b", messages=ASKED))
        assert model.unused == 1
