"""Walks over nested values: their size, their text, equality, and the way back to plain JSON.

Values may share parts (`[x, x]`), so a small value can be huge once written out. Every walk here charges for each
element it meets and stops at the depth limit, which is what makes shared structure harmless.
"""

import datetime
import math
import time
from collections.abc import Collection

import regex

from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_DATA_DEPTH, MAX_RESULT_SIZE, MAX_STRING, Budget
from tasks.expressions.values import (
    KNOWN_TYPES,
    SCALARS,
    Json,
    Missing,
    Stream,
    Value,
    concrete,
    fail,
    is_lazy,
    type_name,
)

_WORD_BITS = 64
_LOW, _HIGH = -(1 << _WORD_BITS), 1 << _WORD_BITS
# What a number takes when written out, at most; and a moment with its time zone.
_NUMBER_SIZE = 24
_OTHER_SIZE = 160


def too_deep() -> LimitExceeded:
    return LimitExceeded(f"values may be nested at most {MAX_DATA_DEPTH} levels deep")


def digits_of(number: int, budget: Budget) -> int:
    """About how many digits a long whole number has. Writing it out takes their square, which is charged."""
    bits = number.bit_length()
    budget.charge((bits // _WORD_BITS) ** 2 // 16)
    return 2 + bits // 3


def measure(value: Value, budget: Budget, depth: int = 0) -> int:
    """Characters the value has when written out, about; charges one unit per element."""
    kind = type(value)
    if kind is str:
        return len(value) + 4
    if kind is int and not _LOW < value < _HIGH:
        return digits_of(value, budget)
    if kind in SCALARS:
        return _NUMBER_SIZE
    if depth > MAX_DATA_DEPTH:
        raise too_deep()
    if kind is dict:
        budget.charge(1 + 2 * len(value))
        return 2 + sum(
            measure(key, budget, depth + 1) + measure(item, budget, depth + 1) for key, item in value.items()
        )
    if kind in (list, tuple, set):
        budget.charge(1 + len(value))
        return 2 + sum(measure(item, budget, depth + 1) for item in value)
    return _measure_other(value, budget)


def _measure_other(value: Value, budget: Budget) -> int:
    """The same for values that JSON does not have."""
    kind = type(value)
    if kind is bytes:
        return 4 * len(value) + 4
    if kind is regex.Match:
        return _OTHER_SIZE + 4 * int(value.end() - value.start())
    if kind is range:
        return _OTHER_SIZE + sum(measure(number, budget) for number in (value.start, value.stop, value.step))
    return _OTHER_SIZE


def text_of(value: Value, budget: Budget) -> str:
    """The value as text, as `str()` shows it."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind in SCALARS:
        budget.charge(1)
        if kind is int and not _LOW < value < _HIGH:
            digits_of(value, budget)
        return str(value)
    if kind is Missing:
        return ""
    if kind in (list, tuple, dict, set, bytes, range):
        return repr_of(value, budget)
    if kind in KNOWN_TYPES and kind not in (regex.Match, Stream):
        return str(value)
    if isinstance(value, datetime.tzinfo):
        return str(value)
    if is_lazy(value):
        return text_of(concrete(value, budget), budget)
    fail("TypeError", f"a {type_name(value)} has no text form")


def repr_of(value: Value, budget: Budget) -> str:
    """The value as `repr()` shows it, measured before it is built."""
    value = _without_lazy(concrete(value, budget), budget)
    budget.grow_text(measure(value, budget))
    text = repr(value)
    if len(text) > MAX_STRING:
        budget.grow_text(len(text))
    return text


def _without_lazy(value: Value, budget: Budget, depth: int = 0) -> Value:
    if depth > MAX_DATA_DEPTH:
        raise too_deep()
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind in (list, tuple):
        budget.charge(len(value))
        return kind([_without_lazy(item, budget, depth + 1) for item in value])
    if kind is dict:
        budget.charge(len(value))
        return {key: _without_lazy(item, budget, depth + 1) for key, item in value.items()}
    return concrete(value, budget)


def deep_equal(left: Value, right: Value, budget: Budget, depth: int = 0) -> bool:
    """`==` that charges for what it compares."""
    left_kind, right_kind = type(left), type(right)
    if left_kind is right_kind and left_kind in (str, bytes):
        if len(left) > 1024 and len(left) == len(right):
            budget.charge_text(len(left))
        return bool(left == right)
    if left_kind in SCALARS and right_kind in SCALARS:
        return bool(left == right)
    if left is right:
        return True
    if depth > MAX_DATA_DEPTH:
        raise too_deep()
    left, right = concrete(left, budget), concrete(right, budget)
    if isinstance(left, list | tuple) and type(left) is type(right):
        if len(left) != len(right):
            return False
        budget.charge(len(left))
        return all(deep_equal(a, b, budget, depth + 1) for a, b in zip(left, right, strict=True))
    if type(left) is dict and type(right) is dict:
        if len(left) != len(right):
            return False
        budget.charge(2 * len(left) + 1)
        return all(
            holds(right, key, budget) and deep_equal(item, right[key], budget, depth + 1) for key, item in left.items()
        )
    if type(left) is set and type(right) is set:
        return len(left) == len(right) and all(holds(right, item, budget) for item in left)
    return bool(left == right)


def check_key(key: Value, budget: Budget) -> None:
    """Charge for hashing a key; tuples are hashed through, again each time."""
    if type(key) is str:
        if len(key) > 1024:
            budget.charge_text(len(key))
    elif type(key) is tuple:
        measure(key, budget)


def holds(container: Collection[Value], key: Value, budget: Budget) -> bool:
    """`key in container` for a set or an object."""
    if type(key) is not str:
        budget.charge(1)
    check_key(key, budget)
    return key in container


_STORABLE_HINTS = {
    set: "use list(...) or sorted(...)",
    bytes: "use .decode() or base64.b64encode(...)",
    datetime.datetime: "use str(...) or .isoformat()",
    datetime.date: "use str(...) or .isoformat()",
    datetime.time: "use str(...) or .isoformat()",
    datetime.timedelta: "use str(...) or .total_seconds()",
    regex.Match: "use .group(...) or .groupdict()",
}


class _Export:
    """One conversion to plain JSON; counts how large the whole becomes."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.size = 0

    def add(self, size: int) -> None:
        self.size += size
        if self.size > MAX_RESULT_SIZE:
            raise LimitExceeded(f"a result may have at most {MAX_RESULT_SIZE:,} characters when stored")

    def convert(self, value: Value, depth: int = 0) -> Json:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is int:
            # Here and below the sum is looked at with the next text or collection.
            self.size += 1 + value.bit_length() // 3 if _LOW < value < _HIGH else digits_of(value, self.budget)
            return value
        if kind is bool or value is None:
            self.size += 4
            return value
        if kind is float:
            self.size += _NUMBER_SIZE
            if math.isfinite(value):
                return value
            fail("ValueError", f"the number {value} cannot be stored as JSON; use str(...) or null")
        if depth > MAX_DATA_DEPTH:
            raise too_deep()
        if kind in (list, tuple, range, time.struct_time):
            self.budget.charge(len(value))
            self.add(2 * len(value))
            return [self.convert(item, depth + 1) for item in value]
        if kind is dict:
            self.budget.charge(2 * len(value))
            self.add(6 * len(value))
            return {self.key(key): self.convert(item, depth + 1) for key, item in value.items()}
        if kind is Stream:
            return self.stream(value, depth)
        return self.other(value)

    def stream(self, value: Stream, depth: int) -> list[Json]:
        items = []
        for item in value.items:
            items.append(self.convert(item, depth + 1))
            self.budget.grow_items(len(items), each=0) if len(items) % 1024 == 0 else None
            self.add(2)
        return items

    def text(self, value: str) -> str:
        self.add(len(value))
        if len(value) > 256:
            self.budget.charge_text(len(value))
        if "\x00" in value:
            fail("ValueError", "text with a NUL character cannot be stored; remove it with .replace('\\x00', '')")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                fail("ValueError", "text with half of a surrogate pair cannot be stored")
        return value

    def key(self, key: Value) -> str:
        if type(key) is str:
            return self.text(key)
        if key is None:
            return "null"
        if type(key) is bool:
            return "true" if key else "false"
        if type(key) in (int, float):
            return str(key)
        fail("TypeError", f"a {type_name(key)} cannot be a key of a stored object; use str(...)")

    def other(self, value: Value) -> Json:
        if is_lazy(value):
            return concrete(value, self.budget)
        if type(value) is Missing:
            return None
        hint = _STORABLE_HINTS.get(type(value), "call it, or use str(...) or another plain value")
        fail("TypeError", f"a {type_name(value)} cannot be stored as JSON; {hint}")


def to_plain(value: Value, budget: Budget) -> Json:
    """Plain JSON: tuples, ranges and generators become lists; what JSON cannot hold is an error with a hint."""
    export = _Export(budget)
    plain = export.convert(value)
    export.add(0)
    return plain
