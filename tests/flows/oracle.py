"""A reference interpreter of the pure steps: recursion and exceptions of Python, no log, no slices, no branches.

It reads the wire form of a program. Arms and items run one after the other: programs whose result depends on their
timing must not be asked about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from julep_project.core.json_value import Json
from tests.flows.reference_expressions import EXPRESSIONS, Call, Failed, Scope


class Returned(Exception):
    """A `return` step ends the enclosing named workflow."""

    def __init__(self, value: Json) -> None:
        super().__init__()
        self.value = value


@dataclass(frozen=True)
class Ending:
    """How a run ends. An `error` of None: it fails with a text that is the engine's own."""

    status: str
    output: Json = None
    error: str | None = None


def predict(task: Mapping[str, Json], arguments: Json) -> Ending:
    """How the task's `main` ends with this input."""
    workflows = {name: steps for name, steps in task.items() if isinstance(steps, list)}
    scope = Scope(workflows, arguments, state={}, call=Call(arguments))
    try:
        return Ending("succeeded", _workflow("main", arguments, scope))
    except Failed as failure:
        return Ending("failed", error=failure.message)


def _workflow(name: str, value: Json, scope: Scope) -> Json:
    call = Call(value)
    inner = replace(scope, call=call, error=None)
    try:
        for step in scope.workflows[name]:
            call.current = value
            value = _step(step, replace(inner, value=value))
            call.finished.append(value)
            if "label" in step:
                call.labels[step["label"]] = value
    except Returned as returned:
        return returned.value
    return value


def _body(body: Json, value: Json, scope: Scope) -> Json:
    for step in body if isinstance(body, list) else [body]:
        value = _step(step, replace(scope, value=value))
    return value


def _read(value: Json, scope: Scope) -> Json:
    if isinstance(value, dict):
        return {key: _read(item, scope) for key, item in value.items()}
    return EXPRESSIONS[value.removeprefix("$ ")](scope) if isinstance(value, str) else value


def _step(step: Mapping[str, Json], scope: Scope) -> Json:
    for key, run in _KINDS.items():
        if key in step:
            return run(step, scope)
    raise AssertionError(f"no such step: {step}")


def _set(step: Mapping[str, Json], scope: Scope) -> Json:
    values = _read(step["set"], scope)
    scope.state.update(values)
    return values


def _error(step: Mapping[str, Json], scope: Scope) -> Json:
    raise Failed("error", step["error"])


def _return(step: Mapping[str, Json], scope: Scope) -> Json:
    raise Returned(_read(step["return"], scope))


def _call(step: Mapping[str, Json], scope: Scope) -> Json:
    return _workflow(step["workflow"], _read(step["arguments"], scope) if "arguments" in step else scope.value, scope)


def _if(step: Mapping[str, Json], scope: Scope) -> Json:
    branch = "then" if _read(step["if"], scope) else "else"
    return _body(step[branch], scope.value, scope) if branch in step else scope.value


def _switch(step: Mapping[str, Json], scope: Scope) -> Json:
    for case in step["switch"]:
        if case["case"] == "_" or _read(case["case"], scope):
            return _body(case["then"], scope.value, scope)
    raise Failed("NoMatch")


def _foreach(step: Mapping[str, Json], scope: Scope) -> Json:
    return [_body(step["foreach"]["do"], item, scope) for item in _read(step["foreach"]["in"], scope)]


def _map_reduce(step: Mapping[str, Json], scope: Scope) -> Json:
    outputs = [_body(step["map"], item, scope) for item in _read(step["over"], scope)]
    results, reduce = step.get("initial", []), step.get("reduce")
    if reduce is None:
        return [*results, *outputs]
    if "_" not in reduce:
        return _read(reduce, replace(scope, results=outputs))
    for output in outputs:
        results = _read(reduce, replace(scope, value=output, results=results))
    return results


def _while(step: Mapping[str, Json], scope: Scope) -> Json:
    value = scope.value
    while _read(step["while"], replace(scope, value=value)):
        value = _body(step["do"], value, scope)
    return value


def _try(step: Mapping[str, Json], scope: Scope) -> Json:
    try:
        return _body(step["try"], scope.value, scope)
    except Failed as failure:
        if "catch" not in step:
            raise
        return _body(step["catch"], scope.value, replace(scope, error=failure.type))
    finally:
        if "finally" in step:
            _body(step["finally"], scope.value, scope)


_KINDS: dict[str, Callable[[Mapping[str, Json], Scope], Json]] = {
    "evaluate": lambda step, scope: _read(step["evaluate"], scope),
    "set": _set,
    "get": lambda step, scope: scope.state.get(step["get"]),
    "log": lambda step, scope: scope.value,
    "error": _error,
    "return": _return,
    "workflow": _call,
    "if": _if,
    "switch": _switch,
    "foreach": _foreach,
    "over": _map_reduce,
    "parallel": lambda step, scope: [_body(arm, scope.value, scope) for arm in step["parallel"]],
    "while": _while,
    "try": _try,
}
