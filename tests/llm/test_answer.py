"""How odd providers' pieces fit together, and what is missing in their whole answers."""

from typing import Any

import pytest

from agents.llm.answer import MOST_CALLS, Answer, mended
from julep_project.core.errors import ReplyTooLong

Call = dict[str, Any]


def call(name: str | None = None, arguments: Any = None, **fields: Any) -> Call:
    return {**fields, "function": {"name": name, "arguments": arguments}}


def read(*chunks: list[Call]) -> list[tuple[str, str]]:
    """Name and arguments of the calls that come in these chunks; each has an id of its own."""
    answer = Answer()
    for calls in chunks:
        answer.add({"choices": [{"delta": {"tool_calls": calls}}]})
    ids = [made["id"] for made in answer.calls]
    assert all(ids) and len(set(ids)) == len(ids)
    return [(made["function"]["name"], made["function"]["arguments"]) for made in answer.calls]


ODD: dict[str, list[list[Call]]] = {
    "as usual": [[call("f", "", index=0, id="a")], [call(None, "{}", index=0)], [call("g", "[]", index=1, id="b")]],
    "mixed up": [
        [call("f", "{", index=0, id="a"), call("g", "[", index=1, id="b")],
        [call(None, "]", index=1), call(None, "}", index=0)],
    ],
    "name and id in every piece": [
        [call("f", "{", index=0, id="a")],
        [call("f", "}", index=0, id="a")],
        [call("g", "[]", index=1, id="b")],
    ],
    "another id in every piece": [
        [call("f", "{", index=0, id="a")],
        [call(None, "}", index=0, id="b")],
        [call("g", "[]", index=1, id="c")],
    ],
    "a name after its id": [
        [call("", "", index=0, id="a")],
        [call("f", None, index=0)],
        [call(None, "{}", index=0)],
        [call("g", "[]", index=1, id="b")],
    ],
    "one index": [[call("f", "{}", index=0, id="a")], [call("g", "[]", index=0, id="b")]],
    "one index and no ids": [[call("f", "{", index=0)], [call(None, "}", index=0)], [call("g", "[]", index=0)]],
    "one id": [[call("f", "{}", index=0, id="a"), call("g", "[]", index=1, id="a")]],
    "one index and id": [[call("f", "{}", index=0, id="a"), call("g", "[]", index=0, id="a")]],
    "no index": [[call("f", "{", id="a")], [call(None, "}")], [call("g", "[]", id="b")]],
    "no index, ids in every piece": [
        [call("f", "{", id="a")],
        [call(None, "}", id="a")],
        [call("g", "[]", id="b")],
    ],
    "no index and no ids": [[call("f", "{")], [call(None, "}")], [call("g", "[]")]],
    "empty ids": [[call("f", "{}", index=0, id="")], [call("g", "[]", index=1, id="")]],
    "arguments that are no text": [[call("f", {}, index=0, id="a"), call("g", [], index=1, id="b")]],
}


@pytest.mark.parametrize("how", ODD)
def test_calls_as_providers_send_them(how: str) -> None:
    assert read(*ODD[how]) == [("f", "{}"), ("g", "[]")]


def test_the_same_function_called_twice_without_any_number() -> None:
    assert read([call("f", "{}"), call("f", "{}")]) == [("f", "{}"), ("f", "{}")]


def test_no_more_calls_are_kept_than_an_answer_may_have() -> None:
    answer = Answer()
    calls = [call("f", "{}", index=place, id=f"call_{place}") for place in range(100_000)]
    with pytest.raises(ReplyTooLong, match="more than 256 times"):
        answer.add({"choices": [{"delta": {"tool_calls": calls}}]})
    assert len(answer.calls) == MOST_CALLS


def test_an_id_that_is_the_providers_own_stays() -> None:
    answer = Answer()
    answer.add({"choices": [{"delta": {"tool_calls": [call("f", "{}", index=0, id="a")]}}]})
    assert answer.calls == [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


WHOLE: list[list[Call]] = [
    [call("f", "{}"), call("f", "{}")],
    [call("f", "{}", id=""), call("f", "{}", id=None)],
    [call("f", "{}", id="a"), call("f", "{}", id="a")],
    [call("f", {}, id=1), call("f", "{}", id=1)],
]


@pytest.mark.parametrize("calls", WHOLE)
def test_calls_of_whole_answers(calls: list[Call]) -> None:
    whole = mended({"choices": [{"message": {"content": "", "tool_calls": calls}}]})
    answer = Answer()
    answer.add(whole)
    made = whole["choices"][0]["message"]["tool_calls"]
    assert [one["function"] for one in made] == [{"name": "f", "arguments": "{}"}] * 2
    assert len({one["id"] for one in made}) == 2
    assert [one["id"] for one in answer.calls] == [one["id"] for one in made]


def test_a_call_of_nothing() -> None:
    made = mended({"choices": [{"message": {"tool_calls": [{"id": "a"}]}}]})["choices"][0]["message"]["tool_calls"]
    assert made == [{"id": "a", "type": "function", "function": {"name": "", "arguments": "{}"}}]


@pytest.mark.parametrize(
    "message",
    [
        {"content": "I cannot"},
        {"content": [{"type": "text", "text": "I cannot"}]},
    ],
)
def test_what_is_said(message: Any) -> None:
    whole = mended({"choices": [{"message": message}]})
    answer = Answer()
    answer.add(whole)
    assert (whole["choices"][0]["message"]["content"], answer.text) == ("I cannot", "I cannot")


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "refusal": "I cannot"},
        {"content": None, "provider_specific_fields": {"refusal": "I cannot"}},
        {"content": [{"type": "refusal", "refusal": "I cannot"}]},
    ],
)
def test_what_is_refused(message: Any) -> None:
    whole = mended({"choices": [{"message": message}]})
    answer = Answer()
    answer.add(whole)
    told = whole["choices"][0]["message"]
    assert (told["content"], told["refusal"], answer.text, answer.refusal) == (None, "I cannot", "", "I cannot")


def test_a_refusal_in_pieces() -> None:
    answer = Answer()
    pieces = []
    for piece in ("I ", "cannot"):
        answer.add({"choices": [{"delta": {"refusal": piece}}]})
        pieces += answer.latest
    assert [(piece.kind, piece.text) for piece in pieces] == [("refusal", "I "), ("refusal", "cannot")]
    assert answer.message() == {"role": "assistant", "content": None, "tool_calls": None, "refusal": "I cannot"}


def test_probabilities_are_kept_whole() -> None:
    answer = Answer()
    word = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1.0}]}
    for name in ("content", "content", "refusal"):
        answer.add({"choices": [{"delta": {}, "logprobs": {name: [word]}}]})
    kept = {**word, "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": None}]}
    assert answer.logprobs == {"content": [kept, kept], "refusal": [kept]}


def test_only_the_first_choice_is_looked_at() -> None:
    answer = Answer()
    for index in (1, 0):
        answer.add({"choices": [{"index": index, "delta": {"content": str(index)}, "finish_reason": "length"}]})
    assert (answer.text, answer.is_cut) == ("1", True)
