"""What names, calls and displays of an expression become at run time."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from tasks.expressions import access
from tasks.expressions.callables import Module
from tasks.expressions.comprehensions import Code, Frame
from tasks.expressions.errors import EvaluationError, UnsupportedFeature
from tasks.expressions.functions import FUNCTIONS, MODULES, UNAVAILABLE
from tasks.expressions.keys import copied, merged
from tasks.expressions.measure import check_key
from tasks.expressions.values import Lazy, Value, concrete, fail, resolve, take_list

_PAST_INPUT = re.compile(r"_(\d{1,2}|100)")


def past_input(name: str) -> int | None:
    """The step whose input a name such as `_0` reads, as documents of the first generation do."""
    found = _PAST_INPUT.fullmatch(name)
    return int(found[1]) if found else None


def read_name(name: str) -> Code:
    def run(frame: Frame) -> Value:
        try:
            value = frame.scope[name]
        except KeyError:
            if name in FUNCTIONS:
                return FUNCTIONS[name]
            hint = access.suggestion(name, [*frame.scope, *FUNCTIONS, *MODULES])
            fail("NameError", f"the name {name!r} is not defined{hint}")
        return resolve(value, frame.budget) if type(value) is Lazy else value

    return run


def refuse_unavailable(name: str) -> None:
    """Raise for a known name that is left out on purpose, saying what to use."""
    if name in UNAVAILABLE:
        raise UnsupportedFeature(f"{name} is not available; {UNAVAILABLE[name]}")


def module_member(module: Module, name: str) -> Any:
    try:
        return access.member(module, name)
    except EvaluationError as error:
        raise UnsupportedFeature(error.message) from None


def fails(kind: str, message: str) -> Code:
    def run(frame: Frame) -> Value:
        fail(kind, message)

    return run


def unknown_function(name: str) -> Code:
    hint = access.suggestion(name, [*FUNCTIONS, *MODULES])
    return fails("NameError", f"there is no function {name!r}{hint}")


_EMPTY: Mapping[str, Value] = {}


def keyword_values(pairs: list[tuple[str | None, Code]]) -> Callable[[Frame], Mapping[str, Value]]:
    """The values given by name in a call; a pair without a name is an object of them."""
    if not pairs:
        return lambda frame: _EMPTY
    named = [(name, code) for name, code in pairs if name is not None]
    if len(named) == len(pairs):
        return lambda frame: {name: code(frame) for name, code in named}

    def keywords(frame: Frame) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, code in pairs:
            given = {name: code(frame)} if name is not None else _keyword_mapping(code(frame), frame)
            if not found.keys().isdisjoint(given):
                fail("TypeError", "the same argument is given twice")
            found.update(given)
        return found

    return keywords


def _keyword_mapping(value: Value, frame: Frame) -> dict[str, Value]:
    value = concrete(value, frame.budget)
    if type(value) is not dict or not all(type(key) is str for key in value):
        fail("TypeError", "** needs an object with text keys")
    return value


def call_get(arguments: Callable[[Frame], list[Value]], keywords: Callable[[Frame], Mapping[str, Value]]) -> Code:
    """`get(key, default)` reads the execution's store, which is `state` in the scope."""

    def run(frame: Frame) -> Value:
        state = resolve(frame.scope.get("state", {}), frame.budget)
        return access.call_method(state, "get", frame.budget, arguments(frame), keywords(frame))

    return run


def spread_items(parts: list[tuple[bool, Code]]) -> Callable[[Frame], list[Value]]:
    """The items of a list, tuple, set or call; those that are marked are spread in place."""

    def run(frame: Frame) -> list[Value]:
        items: list[Value] = []
        for is_spread, code in parts:
            more = take_list(code(frame), frame.budget) if is_spread else [code(frame)]
            frame.budget.grow_items(len(items) + len(more), each=0)
            items += more
        return items

    return run


def object_display(pairs: list[tuple[Code | None, Code]]) -> Code:
    """`{key: value}`; a pair without a key is an object whose pairs are taken over."""

    def run(frame: Frame) -> dict[Value, Value]:
        budget = frame.budget
        budget.size -= 232 + 100 * len(pairs)
        found: dict[Value, Value] = {}
        for key_code, value_code in pairs:
            if key_code is None:
                more = concrete(value_code(frame), budget)
                if type(more) is not dict:
                    fail("TypeError", "** needs an object")
                found = merged([found, more], budget) if found else copied(more, budget)
            else:
                key = key_code(frame)
                check_key(key, budget)
                found[key] = value_code(frame)
        return found

    return run


def written_key(node: ast.expr) -> str | int | None:
    """A text or whole number that is written out as an index."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if not isinstance(node, ast.Constant):
        return None
    if type(node.value) is int:
        return sign * node.value
    return node.value if isinstance(node.value, str) and sign == 1 else None
