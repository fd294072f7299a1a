"""What is made of a call: JSON whose texts behind `$` are expressions. They see the call and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from django.conf import settings

from executions.hooks.errors import MappingFailed
from julep_project.core.errors import ServiceUnavailable
from julep_project.core.json_value import Json
from julep_project.core.process.once import Once
from julep_project.core.reading.parsers import without_nul
from tasks.expressions.apart.apart import Evaluators, EvaluatorsBusy
from tasks.expressions.errors import ExpressionError
from tasks.expressions.expression import Expression, compile_expression
from tasks.expressions.limits import Budget

NAMES = ("body", "headers", "query", "method")
_MARK = "$ "
_MOST_EXPRESSIONS = 100
_DEEPEST = 20
# What is stored was checked: it is no reason to look at its depth again, wherever it stands.
_SURE = -_DEEPEST


class WrongMapping(Exception):
    """It is no mapping; the message says why."""


def is_expression(value: object) -> TypeGuard[str]:
    """Whether it is a text that is evaluated."""
    return isinstance(value, str) and value.startswith(_MARK)


# Others call and wait; who holds them up for longer is told to come again.
_PATIENCE_S = 1.0


@Once
def evaluators() -> Evaluators:
    """The processes that evaluate for this one what is not light, started when they are needed."""
    return Evaluators(
        settings.EVALUATION_PROCESSES, cpu_seconds=settings.EVALUATION_CPU_SECONDS, patience_s=_PATIENCE_S
    )


def check_mapping(value: Json) -> None:
    """Refuse what could never be evaluated.

    Raises:
        WrongMapping
    """
    for count, text in enumerate(_texts(value), 1):
        if count > _MOST_EXPRESSIONS:
            raise WrongMapping(f"there are more than {_MOST_EXPRESSIONS} expressions")
        try:
            expression = _compiled(text)
        except ExpressionError as error:
            raise WrongMapping(f"{text!r} is no expression: {error.message}") from None
        unknown = sorted(expression.names - set(NAMES))
        if unknown:
            raise WrongMapping(f"{text!r} reads {unknown[0]!r}; there are: {', '.join(NAMES)}")


def mapped(value: Json, scope: Mapping[str, Json]) -> Json:
    """The value with every expression in it replaced by its result, all on one budget.

    Raises:
        MappingFailed
        ServiceUnavailable: too many others are evaluated at this moment.
    """
    try:
        # Each is evaluated once, however often it is there.
        expressions = {text: _compiled(text) for text in _texts(value, _SURE)}
        return without_nul(_filled(value, _evaluated(expressions, scope, Budget())))
    except EvaluatorsBusy:
        raise ServiceUnavailable("too many expressions are being evaluated; try again") from None
    except ExpressionError as error:
        raise MappingFailed(f"{error.source or 'an expression'}: {error.message}"[:500]) from error


def _evaluated(expressions: Mapping[str, Expression], scope: Mapping[str, Json], budget: Budget) -> dict[str, Json]:
    """The values of the expressions. Other calls are served by this process meanwhile: what is not light goes to
    another one, by one request."""
    found = {text: each.evaluate(scope, budget) for text, each in expressions.items() if each.is_light}
    heavy = {text: each for text, each in expressions.items() if not each.is_light}
    if heavy:
        found |= zip(heavy, evaluators().evaluate_all(list(heavy.values()), scope, budget), strict=True)
    return found


def _filled(value: Json, found: Mapping[str, Json]) -> Json:
    if is_expression(value):
        return found[value]
    if isinstance(value, dict):
        return {name: _filled(part, found) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, found) for part in value]
    return value


def _compiled(text: str) -> Expression:
    return compile_expression(text.removeprefix(_MARK).strip())


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        raise WrongMapping(f"it is nested more than {_DEEPEST} deep")
    if is_expression(value):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part, depth + 1)
