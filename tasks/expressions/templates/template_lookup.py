"""How templates read values, and the tables that filters and tests are registered in."""

from collections.abc import Mapping

from tasks.expressions import access, operators
from tasks.expressions.callables import Group, call
from tasks.expressions.errors import EvaluationError
from tasks.expressions.limits import Budget
from tasks.expressions.measure import check_key, text_of
from tasks.expressions.methods import METHODS
from tasks.expressions.templates.template_values import Loop, Namespace
from tasks.expressions.values import KNOWN_TYPES, Missing, Value, fail, is_lazy

FILTERS = Group("Template filters")
TESTS = Group("Template tests")
_MAX_PATH = 1_000


def apply_filter(name: Value, budget: Budget, value: Value, *arguments: Value, **keywords: Value) -> Value:
    if type(name) is not str or name not in FILTERS.functions:
        fail("TypeError", f"there is no filter {access.shorten(name)}")
    return call(FILTERS.functions[name], budget, [value, *arguments], keywords)


def apply_test(name: Value, budget: Budget, value: Value, *arguments: Value) -> bool:
    if type(name) is not str or name not in TESTS.functions:
        fail("TypeError", f"there is no test {access.shorten(name)}")
    return operators.is_true(call(TESTS.functions[name], budget, [value, *arguments], {}))


def _named(key: Value) -> str:
    return key[:80] if type(key) is str else access.shorten(key)


def lookup(value: Value, path: Value, budget: Budget) -> Value:
    """`a.b.0` of a value; what is not there is missing."""
    if type(path) not in (int, str):
        fail("TypeError", f"an attribute is named by a text or a position, not by {access.shorten(path)}")
    if type(path) is str and len(path) > _MAX_PATH:
        fail("ValueError", f"the name of an attribute may have at most {_MAX_PATH:,} characters")
    parts = [path] if type(path) is int else path.split(".")[:20]
    for part in parts:
        budget.charge(2)
        value = template_item(value, int(part) if str(part).isdecimal() else part, budget)
    return value


def template_item(value: Value, key: Value, budget: Budget) -> Value:
    """`value[key]` as templates read it: what is not there is missing, reading on from it is an error."""
    if type(value) is dict:
        check_key(key, budget)
        return access.read_key(value, key, lambda: Missing(_named(key)))
    if type(value) in (list, tuple, str) and type(key) is int:
        return value[key] if -len(value) <= key < len(value) else Missing(f"item {key}")
    if type(key) is str and type(value) is not Missing and type(value) in KNOWN_TYPES and not access.is_private(key):
        return access.attribute(value, key, budget)
    if is_lazy(value):
        found = Missing(_named(key))
        return access.call_method(value, "get", budget, [key, found], {})
    return access.item(value, key, budget)


def template_attribute(value: Value, name: str, path: str, budget: Budget) -> Value:
    """`value.name` as templates read it; `path` names what is missing."""
    kind = type(value)
    if kind is dict and name not in value and name not in METHODS[dict]:
        return access.read_key(value, name, lambda: Missing(path))
    if kind is Loop:
        return value.attribute(name)
    if kind is Namespace:
        return value.values.get(name, Missing(path))
    try:
        return access.attribute(value, name, budget)
    except EvaluationError as error:
        if (
            not is_lazy(value)
            or name in METHODS[dict]
            or error.type not in ("KeyError", "AttributeError", "IndexError")
        ):
            raise
        return Missing(path)


def template_method(
    value: Value, name: str, budget: Budget, arguments: list[Value], keywords: Mapping[str, Value]
) -> Value:
    """`value.name(...)`, also of what only templates have."""
    if type(value) is Loop:
        return value.call(name, budget, arguments)
    if type(value) is Namespace:
        return call(value.values.get(name), budget, arguments, keywords)
    return access.call_method(value, name, budget, arguments, keywords)


def filter_text(value: Value, budget: Budget) -> str:
    """The text that a text filter works on."""
    text = text_of(value, budget)
    budget.charge_text(len(text))
    return text
