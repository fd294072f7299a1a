"""Tests of templates (`is defined`). Names and meaning are Jinja's."""

from collections.abc import Callable
from typing import Any

from tasks.expressions import operators
from tasks.expressions.callables import Function, call
from tasks.expressions.limits import Budget
from tasks.expressions.methods import METHODS
from tasks.expressions.templates.template_lookup import FILTERS, TESTS
from tasks.expressions.values import NUMBERS, Missing, Value, fail


def _test(name: str, doc: str, check: Callable[..., Any], parameters: str = "") -> None:
    @TESTS.add(f"{name}({parameters})", doc, "size of the values")
    def run(budget: Budget, value: Value, *arguments: Value) -> bool:
        if len(arguments) != len(parameters.split(",") if parameters else []):
            fail("TypeError", f"wrong arguments for the test {name}({parameters})")
        return bool(check(value, *arguments, *([budget] if check in _WITH_BUDGET else [])))


def _case(name: str) -> Callable[[Value, Budget], bool]:
    method = METHODS[str][name]
    return lambda value, budget: type(value) is str and bool(call(method, budget, [value], {}))


_is_upper, _is_lower = _case("isupper"), _case("islower")

_WITH_BUDGET = frozenset(
    {
        _is_upper,
        _is_lower,
        operators.equal,
        operators.not_equal,
        operators.less,
        operators.less_equal,
        operators.greater,
        operators.greater_equal,
        operators.contains,
        operators.modulo,
    }
)


def _is_iterable(value: Value) -> bool:
    return type(value) in (list, tuple, dict, set, str, range, Missing)


for _names, _doc, _check, _parameters in (
    ("defined", "It is there.", lambda value: type(value) is not Missing, ""),
    ("undefined", "It is missing.", lambda value: type(value) is Missing, ""),
    ("none", "It is null.", lambda value: value is None, ""),
    ("true", "It is true.", lambda value: value is True, ""),
    ("false", "It is false.", lambda value: value is False, ""),
    ("boolean", "It is true or false.", lambda value: type(value) is bool, ""),
    ("string", "It is text.", lambda value: type(value) is str, ""),
    ("number", "It is a number.", lambda value: type(value) in NUMBERS, ""),
    ("integer", "It is a whole number.", lambda value: type(value) is int, ""),
    ("float", "It is a number with a fraction.", lambda value: type(value) is float, ""),
    ("mapping", "It is an object.", lambda value: type(value) is dict, ""),
    ("sequence", "It is a list or text.", lambda value: type(value) in (list, tuple, str, range, dict), ""),
    ("iterable", "It has items.", _is_iterable, ""),
    ("callable", "It is a function.", lambda value: type(value) is Function, ""),
    ("escaped", "Never: templates escape nothing by themselves.", lambda value: False, ""),
    ("upper", "Its letters are capitals.", _is_upper, ""),
    ("lower", "Its letters are small.", _is_lower, ""),
    ("odd", "It is odd.", lambda value: type(value) in NUMBERS and value % 2 == 1, ""),
    ("even", "It is even.", lambda value: type(value) in NUMBERS and value % 2 == 0, ""),
    ("sameas", "It is the same value.", lambda value, other: value is other, "other"),
    ("eq equalto ==", "It is equal.", operators.equal, "other"),
    ("ne !=", "It is not equal.", operators.not_equal, "other"),
    ("lt lessthan <", "It is less.", operators.less, "other"),
    ("le <=", "It is less or equal.", operators.less_equal, "other"),
    ("gt greaterthan >", "It is greater.", operators.greater, "other"),
    ("ge >=", "It is greater or equal.", operators.greater_equal, "other"),
    ("in", "It is in the list or text.", operators.contains, "items"),
):
    for _one in _names.split():
        _test(_one, _doc, _check, _parameters)


@TESTS.add("divisibleby(number)", "It can be divided without a remainder.", "constant")
def _divisibleby(budget: Budget, value: Value, number: Value) -> bool:
    return bool(operators.modulo(value, number, budget) == 0)


@TESTS.add("filter()", "It is the name of a filter.", "constant")
def _is_filter(budget: Budget, value: Value) -> bool:
    return type(value) is str and value in FILTERS.functions


@TESTS.add("test()", "It is the name of a test.", "constant")
def _is_test(budget: Budget, value: Value) -> bool:
    return type(value) is str and value in TESTS.functions
