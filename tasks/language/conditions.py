"""Conditions on the arguments of a call: expressions that read nothing else.

They are evaluated where calls are made, beside other work, so only the light part of the language may be used.
"""

from collections.abc import Mapping
from difflib import get_close_matches

from julep_project.core.json_value import Json
from tasks.expressions import light
from tasks.expressions.errors import ExpressionError
from tasks.expressions.expression import compile_expression
from tasks.expressions.functions import FUNCTIONS, MODULES
from tasks.expressions.limits import Budget
from tasks.language.scope import RUNTIME_NAMES, SECRETS
from tasks.language.texts import expression_source

ARGUMENTS = "arguments"
_OTHER_NAMES = (frozenset(RUNTIME_NAMES) | {SECRETS, *FUNCTIONS, *MODULES}) - {ARGUMENTS}
_FUEL = 100_000


def problem_of(source: str, names: frozenset[str] | None) -> str | None:
    """What is wrong with a condition that may read `arguments`, and these names, or any if they are not known."""
    try:
        expression = compile_expression(expression_source(source))
    except ExpressionError as error:
        return error.message
    for name in sorted(expression.functions_named | expression.modules_named):
        return f"{name!r} means a function here; read an argument of this name as {ARGUMENTS}[{name!r}]"
    if expression.is_literal or not expression.names:
        return "it reads no argument, so it is always the same"
    for name in sorted(expression.names - {ARGUMENTS}):
        if name in _OTHER_NAMES - (names or frozenset()):
            return f"{name!r} cannot be used here: a condition reads the arguments of the call, and nothing else"
        if names is not None and name not in names:
            near = get_close_matches(name, sorted(names), n=1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; read others as {ARGUMENTS}.get({name!r})"
            return f"{name!r} is no argument of the tool{meant}"
    if not expression.is_light:
        known = ", ".join(sorted(light.FUNCTIONS))
        return f"a condition may use operators, simple methods of texts, lists and objects, and the functions {known}"
    return None


def is_met(source: str, scope: Mapping[str, Json]) -> bool:
    """Whether the condition is true; one that cannot be evaluated counts as met."""
    try:
        return compile_expression(expression_source(source)).holds(scope, Budget(fuel=_FUEL))
    except ExpressionError:
        return True
