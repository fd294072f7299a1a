"""What the expressions of generated programs mean, as Python functions: nothing of the product takes part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from julep_project.core.json_value import Json


class Failed(Exception):
    """A step failed. The message is known when an `error` step wrote it."""

    def __init__(self, type_: str, message: str | None = None) -> None:
        super().__init__(message)
        self.type = type_
        self.message = message


@dataclass
class Call:
    """One call of a named workflow: what its steps may ask about."""

    input: Json
    current: Json = None
    finished: list[Json] = field(default_factory=list)
    labels: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """What is in scope of one step."""

    workflows: Mapping[str, list[Json]]
    arguments: Json
    state: dict[str, Json]
    call: Call
    value: Json = None
    error: str | None = None
    results: Json = None


def _missing(type_: str) -> Json:
    raise Failed(type_)


def _labelled(scope: Scope, label: str) -> Json:
    return scope.call.labels[label] if label in scope.call.labels else _missing("KeyError")


# Expressions that never fail, whatever `_` is.
TOTAL: dict[str, Callable[[Scope], Json]] = {
    "_": lambda scope: scope.value,
    "[_, 1]": lambda scope: [scope.value, 1],
    "[_, len(outputs)]": lambda scope: [scope.value, len(scope.call.finished)],
    "len(str(_)) % 5": lambda scope: len(str(scope.value)) % 5,
    "inputs[0]": lambda scope: scope.call.input,
    "inputs[-1]": lambda scope: scope.call.current,
    "steps[-1].input": lambda scope: scope.call.current,
    "len(steps)": lambda scope: len(scope.call.finished) + 1,
    "list(outputs)[-1:]": lambda scope: scope.call.finished[-1:],
    "arguments": lambda scope: scope.arguments,
}
LISTS: dict[str, Callable[[Scope], Json]] = {
    "[]": lambda scope: [],
    "[1, 2, 3]": lambda scope: [1, 2, 3],
    "[_, arguments]": lambda scope: [scope.value, scope.arguments],
    "list(range(len(str(_)) % 4))": lambda scope: list(range(len(str(scope.value)) % 4)),
}
CONDITIONS: dict[str, Callable[[Scope], Json]] = {
    "True": lambda scope: True,
    "False": lambda scope: False,
    "len(str(_)) % 2": lambda scope: len(str(scope.value)) % 2,
    "_ == inputs[0]": lambda scope: scope.value == scope.call.input,
    "len(outputs) > 1": lambda scope: len(scope.call.finished) > 1,
}
FAILING: dict[str, Callable[[Scope], Json]] = {
    "1 // 0": lambda scope: _missing("ZeroDivisionError"),
    "outputs[str('a')]": lambda scope: _labelled(scope, "a"),
    "steps[str('b')].output": lambda scope: _labelled(scope, "b"),
}
REDUCTIONS: dict[str, Callable[[Scope], Json]] = {
    "results + [_]": lambda scope: [*scope.results, scope.value],
    "[results, _]": lambda scope: [scope.results, scope.value],
    "len(results)": lambda scope: len(scope.results),
    "results[:1]": lambda scope: scope.results[:1],
}
ERROR_TYPE = "error.type"
KEYS = ("p", "q", "r")
COUNTERS = tuple(f"turn{number}" for number in range(30))
MAX_TURNS = 2
STORED: dict[str, Callable[[Scope], Json]] = {
    f"get('{key}', 0)": lambda scope, key=key: scope.state.get(key, 0)  # type: ignore[misc]
    for key in KEYS
}
_COUNTING: dict[str, Callable[[Scope], Json]] = {}
for _key in COUNTERS:
    _COUNTING[f"state.{_key} + 1"] = lambda scope, key=_key: scope.state[key] + 1  # type: ignore[misc]
    _COUNTING[f"state.{_key} < {MAX_TURNS}"] = lambda scope, key=_key: scope.state[key] < MAX_TURNS  # type: ignore[misc]
EXPRESSIONS = {**TOTAL, **LISTS, **CONDITIONS, **FAILING, **REDUCTIONS, **STORED, **_COUNTING}
EXPRESSIONS[ERROR_TYPE] = lambda scope: scope.error
