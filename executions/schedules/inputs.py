"""What a schedule gives to what it begins: values, in which texts that begin with `$ ` are expressions.

They may read `schedule`, `nominal` and `now`. They are evaluated where other schedules wait for the same threads, so
only the light part of the language may be used.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from executions.schedules.models import Schedule
from julep_project.core.clock import to_wire
from julep_project.core.errors import BadRequest, InvalidInput
from julep_project.core.reading.validation import problem
from tasks.expressions import light
from tasks.expressions.errors import ExpressionError
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import Budget
from tasks.language.texts import expression_source, is_dollar

NAMES = frozenset({"schedule", "nominal", "now"})
_FUEL = 100_000
_MOST_EXPRESSIONS = 100
_DEEPEST = 50

Path = Sequence[str | int]


def check_expressions(value: Any, field: str) -> None:
    """Refuse a value with expressions that cannot be evaluated when its time comes.

    Raises:
        InvalidInput
    """
    problems = []
    for count, (path, text) in enumerate(_expressions(value, (field,))):
        told = f"at most {_MOST_EXPRESSIONS} texts are expressions" if count >= _MOST_EXPRESSIONS else _problem_of(text)
        if told:
            problems.append(problem(path, "value_error", msg=told, received=text))
        if count >= _MOST_EXPRESSIONS:
            break
    if problems:
        raise InvalidInput(problems)


def evaluate(value: Any, schedule: Schedule, nominal: datetime, now: datetime) -> Any:
    """The value with what its expressions stand for.

    Raises:
        BadRequest: one of them failed.
    """
    if not any(_expressions(value, ())):
        return value
    zone = ZoneInfo(schedule.timing["timezone"])
    scope = {
        "schedule": {"id": str(schedule.pk), "name": schedule.name, "metadata": schedule.metadata},
        "nominal": nominal.astimezone(zone).isoformat(timespec="seconds"),
        "now": to_wire(now),
    }
    budget = Budget(fuel=_FUEL)
    try:
        return _evaluated(value, scope, budget)
    except ExpressionError as error:
        raise BadRequest(f"An expression of the input failed: {error.message}") from None


def _evaluated(value: Any, scope: Mapping[str, Any], budget: Budget) -> Any:
    match value:
        case str() if is_dollar(value):
            return compile_expression(expression_source(value)).evaluate(scope, budget)
        case list():
            return [_evaluated(item, scope, budget) for item in value]
        case dict():
            return {name: _evaluated(item, scope, budget) for name, item in value.items()}
    return value


def _expressions(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Texts that are expressions, each with its place."""
    if len(path) > _DEEPEST:
        yield path, "$ (too deep"
        return
    match value:
        case str() if is_dollar(value):
            yield path, value
        case list():
            for place, item in enumerate(value):
                yield from _expressions(item, (*path, place))
        case dict():
            for name, item in value.items():
                yield from _expressions(item, (*path, name))


def _problem_of(text: str) -> str | None:
    try:
        expression = compile_expression(expression_source(text))
    except ExpressionError as error:
        return error.message
    unknown = sorted(expression.names - NAMES)
    if unknown:
        return f"there is no {unknown[0]!r} here; an expression of a schedule reads {', '.join(sorted(NAMES))}"
    if not expression.is_light:
        methods, functions = (", ".join(sorted(names)) for names in (light.METHODS, light.FUNCTIONS))
        return (
            f"an expression of a schedule may use operators, comprehensions, the methods {methods}, and the functions "
            f"{functions}; let the first step of the task do the rest, whose expressions have the whole language"
        )
    return None
