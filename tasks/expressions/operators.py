"""Operators with their bounds: the size of a result is known before it is built."""

import datetime
from collections.abc import Callable
from typing import TypeAlias

from tasks.expressions import formatting
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.keys import merged, set_operation
from tasks.expressions.limits import MAX_INTEGER_BITS, Budget
from tasks.expressions.measure import deep_equal, holds
from tasks.expressions.values import (
    NUMBERS,
    SCALARS,
    Missing,
    Value,
    concrete,
    fail,
    is_lazy,
    iterate,
    type_name,
)

Binary: TypeAlias = Callable[[Value, Value, Budget], Value]

_SMALL = 1 << 63
_TIMES = frozenset({datetime.datetime, datetime.date, datetime.timedelta})


def check_integer_bits(bits: int) -> None:
    if bits > MAX_INTEGER_BITS:
        raise LimitExceeded(f"a whole number may have at most {MAX_INTEGER_BITS} bits")


def _checked(number: Value) -> Value:
    """A sum can only pass the limit in small steps, so looking at it afterwards is early enough."""
    if type(number) is int and not -_SMALL < number < _SMALL:
        check_integer_bits(number.bit_length())
    return number


def _refuse(verb: str, left: Value, right: Value) -> Value:
    for side in (left, right):
        if type(side) is Missing:
            fail("NameError", f"{side.name} is not defined")
    fail("TypeError", f"cannot {verb} {type_name(left)} and {type_name(right)}")


def _operands(left: Value, right: Value, budget: Budget) -> tuple[Value, Value]:
    return concrete(left, budget), concrete(right, budget)


def add(left: Value, right: Value, budget: Budget) -> Value:
    left_kind, right_kind = type(left), type(right)
    if left_kind in NUMBERS and right_kind in NUMBERS:
        return _checked(left + right)
    if left_kind is str and right_kind is str:
        budget.grow_text(len(left) + len(right), wide=not (left.isascii() and right.isascii()))
        return left + right
    left, right = _operands(left, right, budget)
    left_kind, right_kind = type(left), type(right)
    if left_kind is right_kind and left_kind in (list, tuple):
        budget.grow_items(len(left) + len(right))
        return left + right
    if left_kind is bytes and right_kind is bytes:
        budget.grow_text(len(left) + len(right))
        return left + right
    if left_kind in _TIMES and right_kind in _TIMES:
        return left + right
    if str in (left_kind, right_kind) and type(left) is not Missing and type(right) is not Missing:
        fail("TypeError", f"cannot add {type_name(left)} and {type_name(right)}; use str(...) or an f-string")
    return _refuse("add", left, right)


def subtract(left: Value, right: Value, budget: Budget) -> Value:
    left_kind, right_kind = type(left), type(right)
    if left_kind in NUMBERS and right_kind in NUMBERS:
        return _checked(left - right)
    if left_kind in _TIMES and right_kind in _TIMES:
        return left - right
    if left_kind is set and right_kind is set:
        return set_operation("difference", left, right, budget)
    return _refuse("subtract", left, right)


def multiply(left: Value, right: Value, budget: Budget) -> Value:
    left_kind, right_kind = type(left), type(right)
    if left_kind in NUMBERS and right_kind in NUMBERS:
        if float not in (left_kind, right_kind) and not (-_SMALL < left < _SMALL and -_SMALL < right < _SMALL):
            check_integer_bits(int(left).bit_length() + int(right).bit_length() - 1)
        return left * right
    if right_kind in (str, list, tuple, bytes) and left_kind in (int, bool):
        left, right = right, left
    if type(right) in (int, bool):
        return _repeat(left, right, budget)
    if datetime.timedelta in (left_kind, right_kind) and (left_kind in NUMBERS or right_kind in NUMBERS):
        return left * right
    return _refuse("multiply", left, right)


def _repeat(value: Value, times: int, budget: Budget) -> Value:
    times = max(times, 0)
    if type(value) in (str, bytes):
        budget.grow_text(len(value) * times, wide=type(value) is str and not value.isascii())
        return value * times
    if type(value) in (list, tuple):
        budget.grow_items(len(value) * times)
        return value * times
    if type(value) is datetime.timedelta:
        return value * times
    return _refuse("multiply", value, times)


def divide(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) in NUMBERS and type(right) in NUMBERS:
        return left / right
    if type(left) is datetime.timedelta and (type(right) in NUMBERS or type(right) is datetime.timedelta):
        return left / right
    return _refuse("divide", left, right)


def floor_divide(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) in NUMBERS and type(right) in NUMBERS:
        return left // right
    if type(left) is datetime.timedelta and (type(right) is int or type(right) is datetime.timedelta):
        return left // right
    return _refuse("divide", left, right)


def modulo(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) is str:
        return formatting.percent_format(left, right, budget)
    if type(left) in NUMBERS and type(right) in NUMBERS:
        return left % right
    if type(left) is datetime.timedelta and type(right) is datetime.timedelta:
        return left % right
    return _refuse("take the remainder of", left, right)


def power(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) not in NUMBERS or type(right) not in NUMBERS:
        return _refuse("raise to a power", left, right)
    if type(left) is not float and type(right) is not float and right > 0:
        check_integer_bits(_power_bits(left, right))
    result = left**right
    if type(result) is complex:
        fail("ValueError", "the root of a negative number is not a real number")
    return result


def _power_bits(base: int, exponent: int) -> int:
    return 1 if base in (0, 1, -1) else (int(base).bit_length() - 1) * exponent + 1


def matrix_multiply(left: Value, right: Value, budget: Budget) -> Value:
    return _refuse("matrix-multiply", left, right)


def shift_left(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) not in (int, bool) or type(right) not in (int, bool):
        return _refuse("shift", left, right)
    if right >= 0:
        check_integer_bits(int(left).bit_length() + right)
    return left << right


def shift_right(left: Value, right: Value, budget: Budget) -> Value:
    if type(left) not in (int, bool) or type(right) not in (int, bool):
        return _refuse("shift", left, right)
    return left >> right


def _bitwise(verb: str, apply: Callable[[Value, Value], Value], of_sets: str) -> Binary:
    def operator(left: Value, right: Value, budget: Budget) -> Value:
        if type(left) in (int, bool) and type(right) in (int, bool):
            return apply(left, right)
        left, right = _operands(left, right, budget)
        if type(left) is set and type(right) is set:
            return set_operation(of_sets, left, right, budget)
        if type(left) is dict and type(right) is dict and verb == "merge":
            return merged([left, right], budget)
        return _refuse(verb, left, right)

    return operator


bit_or = _bitwise("merge", lambda left, right: left | right, "union")
bit_and = _bitwise("intersect", lambda left, right: left & right, "intersection")
bit_xor = _bitwise("xor", lambda left, right: left ^ right, "symmetric_difference")


def negate(value: Value, budget: Budget) -> Value:
    if type(value) in NUMBERS or type(value) is datetime.timedelta:
        return -value
    fail("TypeError", f"cannot negate {type_name(value)}")


def positive(value: Value, budget: Budget) -> Value:
    if type(value) in NUMBERS:
        return +value
    fail("TypeError", f"{type_name(value)} is not a number")


def invert(value: Value, budget: Budget) -> Value:
    if type(value) in (int, bool):
        return -int(value) - 1
    fail("TypeError", f"cannot invert {type_name(value)}")


def equal(left: Value, right: Value, budget: Budget) -> bool:
    if type(left) in NUMBERS or left is None or right is None:
        return bool(left == right)
    return deep_equal(left, right, budget)


def not_equal(left: Value, right: Value, budget: Budget) -> bool:
    return not equal(left, right, budget)


def _ordering(symbol: str, apply: Callable[[Value, Value], bool]) -> Binary:
    def operator(left: Value, right: Value, budget: Budget) -> bool:
        left_kind, right_kind = type(left), type(right)
        if left_kind in NUMBERS and right_kind in NUMBERS:
            return bool(apply(left, right))
        if left_kind is not right_kind:
            if left_kind in _TIMES and right_kind in _TIMES:
                return bool(apply(left, right))
            return bool(_refuse(f"compare ({symbol})", left, right))
        if left_kind in (str, bytes):
            budget.charge_text(min(len(left), len(right)))
            return bool(apply(left, right))
        if left_kind in (list, tuple):
            return _order_sequences(left, right, operator, apply, budget)
        if left_kind is set:
            # Only the sizes are left to compare once one is known to be part of the other.
            part = "issubset" if symbol.startswith("<") else "issuperset"
            return bool(set_operation(part, left, right, budget)) and bool(apply(len(left), len(right)))
        if left_kind in _TIMES:
            return bool(apply(left, right))
        return bool(_refuse(f"compare ({symbol})", left, right))

    return operator


def _order_sequences(
    left: Value, right: Value, operator: Binary, apply: Callable[[Value, Value], bool], budget: Budget
) -> bool:
    for a, b in zip(left, right, strict=False):
        budget.charge(1)
        if not deep_equal(a, b, budget):
            return bool(operator(a, b, budget))
    return bool(apply(len(left), len(right)))


less = _ordering("<", lambda left, right: left < right)
less_equal = _ordering("<=", lambda left, right: left <= right)
greater = _ordering(">", lambda left, right: left > right)
greater_equal = _ordering(">=", lambda left, right: left >= right)


def contains(item: Value, container: Value, budget: Budget) -> bool:
    """`item in container`."""
    kind = type(container)
    if kind is dict or kind is set:
        return holds(container, item, budget)
    if kind is str:
        if type(item) is Missing:
            return False
        if type(item) is not str:
            fail("TypeError", f"only a text can be in a text, not {type_name(item)}")
        budget.charge_search(len(container), len(item))
        return item in container
    if kind in (list, tuple) and type(item) in SCALARS:
        budget.charge(len(container) * (1 + (len(item) // 1024 if type(item) is str else 0)))
        return item in container
    if kind is range and type(item) is int:
        return item in container
    for candidate in iterate(container, budget):
        budget.charge(1)
        if deep_equal(candidate, item, budget):
            return True
    return False


def not_contains(item: Value, container: Value, budget: Budget) -> bool:
    return not contains(item, container, budget)


def identical(left: Value, right: Value, budget: Budget) -> bool:
    return left is right


def not_identical(left: Value, right: Value, budget: Budget) -> bool:
    return left is not right


def is_true(value: Value) -> bool:
    """Truth of a value; an object of the engine is true when it has items."""
    if is_lazy(value):
        return value.length() > 0
    return bool(value)
