"""A definition may only make so much work: whatever the body, the answer comes soon."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tasks.language.effort import MAX_EXPRESSION_CHARACTERS, MAX_EXPRESSIONS, MAX_STEPS
from tasks.programs.compile import InvalidTaskBody, InvalidTaskSpec, compile_task
from tests.language.programs import compiled, details

MEGABYTE = 1_000_000

LOG = {"log": "x"}


def expressions(number: int) -> dict[str, Any]:
    return {"evaluate": {f"k{index}": f"$ _ + {index}" for index in range(number)}}


def test_so_many_steps_are_enough() -> None:
    compiled(*[LOG] * MAX_STEPS)


def test_steps_are_counted_at_every_depth() -> None:
    nested = {"if": "$ true", "then": [LOG] * (MAX_STEPS // 2)}

    (problem,) = details(nested, nested)

    assert (problem["loc"], problem["type"]) == ("main", "too_many")
    assert problem["msg"] == "a task may have at most 5,000 steps"


def test_steps_of_all_workflows_count() -> None:
    (problem,) = details(*[LOG] * (MAX_STEPS // 2), below=[LOG] * (MAX_STEPS // 2 + 1))

    assert problem["msg"] == "a task may have at most 5,000 steps"


@pytest.mark.parametrize(
    "step",
    [
        expressions(MAX_EXPRESSIONS // 2),
        {"log": "".join(f"{{_.a{index}}}" for index in range(MAX_EXPRESSIONS // 5))},
        {"log": "{{ _.a }}" * (MAX_EXPRESSIONS // 5)},
    ],
    ids=["expressions", "slots", "templates"],
)
def test_expressions_are_counted_wherever_they_stand(step: dict[str, Any]) -> None:
    compiled(step, step)

    (problem,) = details(*[step] * 6)

    assert (problem["loc"], problem["type"]) == ("main", "too_many")
    assert problem["msg"] == "a task may have at most 5,000 expressions"


def test_the_characters_of_all_expressions_are_counted() -> None:
    long = f"$ [{', '.join(['_'] * 5_000)}]"

    (problem,) = details(*[{"evaluate": long}] * (MAX_EXPRESSION_CHARACTERS // len(long) + 1))

    assert (problem["loc"], problem["type"]) == ("main", "too_long")


def filled(make: Callable[[int], Any]) -> list[Any]:
    """Steps until they fill the largest body."""
    steps: list[Any] = []
    size = 0
    for number in count():
        steps.append(make(number))
        size += len(str(steps[-1]))
        if size > MEGABYTE:
            break
    return steps


HOSTILE: dict[str, Callable[[], dict[str, Any]]] = {
    "steps": lambda: {"main": filled(lambda n: LOG)},
    "workflows": lambda: {"main": [LOG], **{f"w{n}": [LOG] for n in range(40_000)}},
    "unknown steps": lambda: {"main": filled(lambda n: {f"evaluatee{n}": 1})},
    "unknown workflows": lambda: {"main": [{"workflow": f"w{n}"} for n in range(MAX_STEPS)]},
    "different expressions": lambda: {"main": filled(lambda n: expressions(1_000))},
    "long expressions": lambda: {"main": filled(lambda n: {"evaluate": f"$ [{', '.join(['_'] * 10_000)}, {n}]"})},
    "expressions in texts": lambda: {"main": filled(lambda n: {"log": "".join(f"{{_.a{n}b{m}}}" for m in range(900))})},
    "braces that hold none": lambda: {"main": filled(lambda n: {"log": f"{{_ {n} {n}}}" * 900})},
    "colons": lambda: {"main": filled(lambda n: {"log": "{_" + ":" * 1_000 + "%}"})},
    "opening braces": lambda: {"main": [{"log": "{{" * (MEGABYTE // 2)}]},
    "opening braces, many texts": lambda: {"main": filled(lambda n: {"log": f"_ {'{' * 1_300} {n}"})},
    "templates": lambda: {"main": filled(lambda n: {"log": "".join(f"{{{{ _.a{n}b{m} }}}}" for m in range(3_000))})},
    "names a template does not know": lambda: {"main": [{"log": f"{{{{ q{n} }}}}"} for n in range(MAX_STEPS)]},
    "words": lambda: {"main": [{"evaluate": {"a": [f"x{n}_{m}" for m in range(4_900)]}} for n in range(18)]},
    "properties of a schema": lambda: {
        "main": [LOG],
        "input_schema": {"properties": {f"p{n}": {"type": "string", "pattern": "a"} for n in range(22_000)}},
    },
    "parts of a schema": lambda: {
        "main": [LOG],
        "input_schema": {"allOf": [{"anyOf": [{"type": "object"}] * 10} for _ in range(4_000)]},
    },
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_answered_soon(make: Callable[[], dict[str, Any]]) -> None:
    body = make()

    try:
        compile_task(body)
    except InvalidTaskBody as refused:
        assert refused.details
    except InvalidTaskSpec as refused:
        assert refused.issues
