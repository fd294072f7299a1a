"""What reading an answer costs grows with its length, not with the square of it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from agents.llm.answer import Answer
from sessions.responses.answering.reading import AnswerItems, Telling
from tests.growth import bytes_asked_for

FEW, MANY = 200, 800
# Twice as long for half of the way would be sixteen times as much.
LINEAR = 1.5 * MANY / FEW

Delta = dict[str, Any]


def prose(number: int) -> Delta:
    return {"content": f"word{number % 10} "}


def white_space(_: int) -> Delta:
    return {"content": "      "}


def refusal(number: int) -> Delta:
    return {"refusal": f"word{number % 10} "}


def reasoning(number: int) -> Delta:
    return {"reasoning_content": f"word{number % 10} "}


def thinking(number: int) -> Delta:
    return {"thinking_blocks": [{"type": "thinking", "thinking": f"word{number % 10} "}]}


def arguments(name: str) -> Callable[[int], Delta]:
    def piece(number: int) -> Delta:
        function = {"name": name, "arguments": ""} if not number else {"arguments": f"word{number % 10} "}
        return {"tool_calls": [{"index": 0, **({} if number else {"id": "call_1"}), "function": function}]}

    return piece


DELTAS = [prose, white_space, refusal, reasoning, thinking, arguments("weather"), arguments("web_search")]


def response() -> Callable[[Any], object]:
    items = AnswerItems(UUID(int=1), 0, Telling(functions={"weather"}))

    def take(chunk: Any) -> None:
        items.answer.add(chunk)
        items.tell(items.answer.latest)

    return take


READERS: dict[str, Callable[[], Callable[[Any], object]]] = {
    "response": response,
    "all others": lambda: Answer().add,
}


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("reader", READERS)
def test_reading_a_long_answer_piece_by_piece(reader: str, delta: Callable[[int], Delta]) -> None:
    few, many = (
        bytes_asked_for(READERS[reader](), ({"choices": [{"delta": delta(number)}]} for number in range(count)))
        for count in (FEW, MANY)
    )
    assert many < LINEAR * few
