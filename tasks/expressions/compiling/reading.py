"""What names and calls of an expression become at run time."""

from collections.abc import Callable, Mapping
from typing import Any

from tasks.expressions import access
from tasks.expressions.callables import Module
from tasks.expressions.comprehensions import Code, Frame
from tasks.expressions.errors import EvaluationError, UnsupportedFeature
from tasks.expressions.functions import FUNCTIONS, MODULES, UNAVAILABLE
from tasks.expressions.values import Lazy, Value, concrete, fail, resolve


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


def no_keywords(frame: Frame) -> Mapping[str, Value]:
    return _EMPTY


_EMPTY: Mapping[str, Value] = {}


def keyword_mapping(value: Value, frame: Frame) -> dict[str, Value]:
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
