"""Functions on values: types, collections, and functions that take a function."""

from collections.abc import Iterator, Mapping
from functools import cmp_to_key
from typing import Any

from tasks.expressions import access, operators
from tasks.expressions.callables import Function, Group, call
from tasks.expressions.keys import copied, merged, object_of
from tasks.expressions.limits import MAX_RANGE, Budget
from tasks.expressions.measure import measure, repr_of, text_of
from tasks.expressions.methods import make_set
from tasks.expressions.values import (
    NUMBERS,
    Missing,
    Value,
    concrete,
    fail,
    is_lazy,
    iterate,
    take_list,
    type_name,
)

GROUP = Group("Values and collections")
_MAX_DIGITS = 600
_ABSENT: Any = object()
_ITEMS = "one unit per item, at most 200,000 items"


@GROUP.add("len(value)", "Number of items or characters.", "constant", takes_lazy=True)
def _len(budget: Budget, value: Value) -> int:
    if type(value) in (str, list, tuple, dict, set, range, bytes):
        return len(value)
    if type(value) is Missing:
        return 0
    if is_lazy(value):
        with budget.paused():
            return value.length()
    fail("TypeError", f"{type_name(value)} has no length")


@GROUP.add("str(value='')", "The value as text.", "2,048,000 characters")
def _str(budget: Budget, value: Value = "") -> str:
    return text_of(value, budget)


@GROUP.add("repr(value)", "The value as text with quotes, as Python writes it.", "2,048,000 characters")
def _repr(budget: Budget, value: Value) -> str:
    return repr_of(value, budget)


@GROUP.add(
    "int(value=0, base=10)", "A whole number from a number or text.", f"text of at most {_MAX_DIGITS} characters"
)
def _int(budget: Budget, value: Value = 0, base: Value = None) -> int:
    if type(value) is str:
        if len(value) > _MAX_DIGITS:
            fail("ValueError", f"a number may have at most {_MAX_DIGITS} characters")
        number = int(value, 10 if base is None else base)
        operators.check_integer_bits(number.bit_length())
        return number
    if type(value) not in NUMBERS or base is not None:
        fail("TypeError", f"cannot make a whole number of {type_name(value)}")
    return int(value)


@GROUP.add(
    "float(value=0.0)", "A number with a fraction, from a number or text.", f"text of at most {_MAX_DIGITS} characters"
)
def _float(budget: Budget, value: Value = 0.0) -> float:
    if type(value) is str and len(value) > _MAX_DIGITS:
        fail("ValueError", f"a number may have at most {_MAX_DIGITS} characters")
    if type(value) is not str and type(value) not in NUMBERS:
        fail("TypeError", f"cannot make a number of {type_name(value)}")
    return float(value)


@GROUP.add("bool(value=False)", "True unless the value is empty, zero, false or null.", "constant")
def _bool(budget: Budget, value: Value = False) -> bool:
    return operators.is_true(value)


@GROUP.add("list(items=())", "A list of the items.", _ITEMS)
def _list(budget: Budget, items: Value = ()) -> list[Value]:
    return take_list(items, budget)


@GROUP.add("tuple(items=())", "A tuple of the items.", _ITEMS)
def _tuple(budget: Budget, items: Value = ()) -> tuple[Value, ...]:
    return tuple(take_list(items, budget))


@GROUP.add("set(items=())", "The different items; cannot be stored, wrap it in list(...) or sorted(...).", _ITEMS)
def _set(budget: Budget, items: Value = ()) -> set[Value]:
    return make_set(budget, items)


@GROUP.add("dict(items=(), **more)", "An object from an object, from pairs, or from named values.", _ITEMS)
def _dict(budget: Budget, items: Value = (), /, **more: Value) -> dict[Value, Value]:
    if type(items) is dict:
        return merged([items, more], budget) if more else copied(items, budget)
    pairs = take_list(items, budget)
    budget.grow(160 * len(pairs))
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            fail("TypeError", "dict needs pairs of key and value")
    found = object_of(pairs, budget)
    return merged([found, more], budget) if more else found


@GROUP.add(
    "range(start, stop=None, step=1)", "Whole numbers from start up to, without, stop.", f"{MAX_RANGE:,} numbers"
)
def _range(budget: Budget, start: int, stop: int | None = None, step: int = 1) -> range:
    for bound in (start, stop, step):
        if bound is not None and type(bound) not in (int, bool):
            fail("TypeError", "range needs whole numbers")
    numbers = range(start) if stop is None else range(start, stop, step)
    # len() cannot count past the machine word, so the span is compared first.
    if abs(numbers.stop - numbers.start) > MAX_RANGE * abs(numbers.step):
        fail("ValueError", f"range may have at most {MAX_RANGE:,} numbers")
    return numbers


@GROUP.add("enumerate(items, start=0)", "Pairs of position and item.", _ITEMS)
def _enumerate(budget: Budget, items: Value, start: int = 0) -> list[Value]:
    values = take_list(items, budget)
    budget.grow(96 * len(values))
    return list(enumerate(values, start))


@GROUP.add(
    "zip(*lists, strict=False)",
    "Tuples of the first items, the second items, and so on; stops at the shortest.",
    _ITEMS,
)
def _zip(budget: Budget, *lists: Value, strict: bool = False) -> list[Value]:
    rows: list[Value] = []
    columns = [iterate(one, budget) for one in lists]
    for row in zip(*columns, strict=bool(strict)):
        rows.append(row)
        budget.charge(1 + len(row))
        budget.size -= 64 + 8 * len(row)
        if len(rows) % 256 == 0:
            budget.grow_items(len(rows), each=0)
    return rows


@GROUP.add("reversed(items)", "A list of the items, last first.", _ITEMS)
def _reversed(budget: Budget, items: Value) -> list[Value]:
    return take_list(items, budget)[::-1]


def _keys(budget: Budget, items: list[Value], key: Value) -> list[Value]:
    return items if key is None else [call(key, budget, [item], {}) for item in items]


def _order_weight(budget: Budget, key: Value) -> int:
    """What one comparison of this key may cost."""
    if type(key) in (str, bytes):
        return 1 + len(key) // 1024
    if type(key) in (list, tuple):
        return 1 + measure(key, budget) // 24
    return 1


def _is_plain_order(key: Value) -> bool:
    """Whether a comparison takes no longer than its weight says. That of sets and objects does: it searches."""
    if type(key) in (list, tuple):
        return all(map(_is_plain_order, key))
    return type(key) not in (set, dict)


def _order(left: Value, right: Value, budget: Budget) -> int:
    """Negative when the left one comes first; 0 when it need not."""
    return -1 if operators.less(left, right, budget) else 0


@GROUP.add(
    "sorted(items, key=None, reverse=False)",
    "The items in order; key is the name of a function, such as len or str.lower.",
    "items times the logarithm of their number",
)
def sort_items(budget: Budget, items: Value, *, key: Value = None, reverse: Value = False) -> list[Value]:
    values = take_list(items, budget)
    keys = _keys(budget, values, key)
    budget.charge(sum(_order_weight(budget, one) for one in keys) * (1 + len(values).bit_length() // 2))
    budget.grow(16 * len(values))
    for one in keys:
        if type(one) is dict or one is None or type(one) is Missing:
            fail("TypeError", f"cannot order {type_name(one)}")
    place: Any = keys.__getitem__
    if not all(_is_plain_order(one) for one in keys):
        place = cmp_to_key(lambda left, right: _order(keys[left], keys[right], budget))
    order = sorted(range(len(values)), key=place, reverse=operators.is_true(reverse))
    return [values[position] for position in order]


def _extreme(budget: Budget, name: str, values: tuple[Value, ...], key: Value, default: Value) -> Value:
    candidates = take_list(values[0], budget) if len(values) == 1 else list(values)
    if not candidates:
        if default is _ABSENT:
            fail("ValueError", f"{name} of nothing")
        return default
    is_better = operators.less if name == "min" else operators.greater
    best, best_key = candidates[0], _keys(budget, candidates[:1], key)[0]
    for candidate in candidates[1:]:
        budget.charge(1)
        candidate_key = candidate if key is None else call(key, budget, [candidate], {})
        if is_better(candidate_key, best_key, budget):
            best, best_key = candidate, candidate_key
    return best


@GROUP.add("min(items, key=None, default=...)", "The smallest item, also of several arguments.", _ITEMS)
def _min(budget: Budget, *values: Value, key: Value = None, default: Value = _ABSENT) -> Value:
    return _extreme(budget, "min", values, key, default)


@GROUP.add("max(items, key=None, default=...)", "The largest item, also of several arguments.", _ITEMS)
def _max(budget: Budget, *values: Value, key: Value = None, default: Value = _ABSENT) -> Value:
    return _extreme(budget, "max", values, key, default)


@GROUP.add("sum(items, start=0)", "The sum of numbers; lists are put together when start is a list.", _ITEMS)
def sum_items(budget: Budget, items: Value, start: Value = 0) -> Value:
    if type(start) is str:
        fail("TypeError", "sum adds numbers; put texts together with ''.join(...)")
    if type(start) is list:
        return _sum_lists(budget, items, start)
    total = start
    for item in iterate(items, budget):
        budget.charge(1)
        if type(item) is str:
            fail("TypeError", "sum adds numbers; put texts together with ''.join(...)")
        total = operators.add(total, item, budget)
    if type(total) is int:
        operators.check_integer_bits(total.bit_length())
    return total


def _sum_lists(budget: Budget, items: Value, start: list[Value]) -> list[Value]:
    total = list(start)
    for item in iterate(items, budget):
        if type(item) is not list:
            fail("TypeError", f"cannot add list and {type_name(item)}")
        budget.grow_items(len(total) + len(item), each=0) if len(total) + len(item) > 1000 else None
        budget.grow(8 * len(item))
        total += item
    return total


@GROUP.add("any(items)", "True if one of the items is true.", _ITEMS)
def _any(budget: Budget, items: Value) -> bool:
    return any(operators.is_true(item) for item in _charged(budget, items))


@GROUP.add("all(items)", "True if all items are true.", _ITEMS)
def _all(budget: Budget, items: Value) -> bool:
    return all(operators.is_true(item) for item in _charged(budget, items))


def _charged(budget: Budget, items: Value) -> Iterator[Value]:
    for item in iterate(items, budget):
        budget.charge(1)
        yield item


@GROUP.add("map(function, *lists)", "A list of what the named function gives for each item.", _ITEMS)
def _map(budget: Budget, function: Value, *lists: Value) -> list[Value]:
    results: list[Value] = []
    for row in _zip(budget, *lists):
        results.append(call(function, budget, list(row), {}))
    return results


@GROUP.add(
    "filter(function, items)", "The items for which the named function is true; null keeps the true ones.", _ITEMS
)
def _filter(budget: Budget, function: Value, items: Value) -> list[Value]:
    values = take_list(items, budget)
    if function is None:
        return [item for item in values if operators.is_true(item)]
    return [item for item in values if operators.is_true(call(function, budget, [item], {}))]


@GROUP.add("reduce(function, items, initial=...)", "Folds the items with a named function of two values.", _ITEMS)
def _reduce(budget: Budget, function: Value, items: Value, initial: Value = _ABSENT) -> Value:
    values = take_list(items, budget)
    if initial is not _ABSENT:
        values = [initial, *values]
    if not values:
        fail("TypeError", "reduce of nothing needs an initial value")
    result = values[0]
    for item in values[1:]:
        result = call(function, budget, [result, item], {})
    return result


@GROUP.add("slice(items, start, stop=None, step=None)", "A part of a list or text, as items[start:stop:step].", _ITEMS)
def _slice(budget: Budget, items: Value, start: Value, stop: Value = None, step: Value = None) -> Value:
    return access.slice_of(items, start, stop, step, budget)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int, bool),
    "float": (float,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "tuple": (tuple,),
    "set": (set,),
    "range": (range,),
}


@GROUP.add(
    "isinstance(value, types)",
    "Whether the value is of a type: str int float bool list dict tuple set range, or a tuple of these.",
    "constant",
)
def _isinstance(budget: Budget, value: Value, types: Value) -> bool:
    if type(types) in (list, tuple):
        return any(_isinstance(budget, value, one) for one in take_list(types, budget))
    if types is None:
        return value is None
    name = types.name if type(types) is Function else types
    if type(name) is not str or name not in _TYPES:
        fail("TypeError", f"isinstance needs type names: {', '.join(_TYPES)}")
    return type(concrete(value, budget)) in _TYPES[name]
