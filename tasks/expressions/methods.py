"""Methods of values, one closed table per type. None of them changes a value.

Signatures are those of Python. `METHODS[type][name]` is a `Function` whose first value is the object itself.
"""

import datetime
import time
from collections.abc import Callable
from typing import Any

import regex

from tasks.expressions import formatting
from tasks.expressions.callables import Function
from tasks.expressions.keys import copied, set_of, set_operation
from tasks.expressions.limits import MAX_ITEMS, Budget
from tasks.expressions.measure import check_key, deep_equal, measure
from tasks.expressions.values import Missing, Value, fail, take_list, type_name

METHODS: dict[type, dict[str, Function]] = {}

_BOUND = "size of the value"


def _method(kind: type, signature: str) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    name = signature.partition("(")[0]

    def register(run: Callable[..., Value]) -> Callable[..., Value]:
        METHODS.setdefault(kind, {})[name] = Function(name, signature, "", _BOUND, run)
        return run

    return register


def _text(value: Value, role: str = "argument") -> str:
    if type(value) is Missing:
        return ""
    if type(value) is not str:
        fail("TypeError", f"the {role} must be text, not {type_name(value)}")
    return value


def _plain_text_methods() -> None:
    """Methods that take nothing but text and positions, and whose result is not longer than three times the text."""
    predicates = (
        "isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper"
    )
    changes = "capitalize casefold lower swapcase title upper"
    for name in f"{predicates} {changes}".split():
        _method(str, f"{name}()")(_nullary(getattr(str, name)))
    for name in ("strip", "lstrip", "rstrip"):
        _method(str, f"{name}(characters=None)")(_strip(getattr(str, name)))
    for name in ("find", "rfind", "index", "rindex", "count"):
        _method(str, f"{name}(text, start=None, end=None)")(_search(getattr(str, name), backwards=name[0] == "r"))
    for name in ("startswith", "endswith"):
        _method(str, f"{name}(text, start=None, end=None)")(_affix(getattr(str, name)))
    for name in ("removeprefix", "removesuffix", "partition", "rpartition"):
        _method(str, f"{name}(text)")(_remove(getattr(str, name), backwards=name == "rpartition"))
    for name in ("ljust", "rjust", "center"):
        _method(str, f"{name}(width, fill=' ')")(_pad(getattr(str, name)))


def _nullary(apply: Callable[[str], Any]) -> Callable[..., Value]:
    def run(budget: Budget, value: str) -> Value:
        budget.charge_text(len(value))
        budget.grow_text(len(value), wide=not value.isascii())
        return apply(value)

    return run


def _strip(apply: Callable[..., str]) -> Callable[..., Value]:
    def run(budget: Budget, value: str, characters: Value = None) -> str:
        if characters is not None:
            budget.charge_text(4 * len(_text(characters)))
            characters = "".join(dict.fromkeys(_text(characters)))
        budget.charge_text(len(value) * (1 if characters is None else 1 + len(characters) // 4))
        budget.grow_text(len(value), wide=not value.isascii())
        return apply(value, characters)

    return run


def _search(apply: Callable[..., int], *, backwards: bool) -> Callable[..., Value]:
    def run(budget: Budget, value: str, text: Value, start: int | None = None, end: int | None = None) -> int:
        budget.charge_search(len(value), len(_text(text)), backwards=backwards)
        return apply(value, _text(text), start, end)

    return run


def _affix(apply: Callable[..., bool]) -> Callable[..., Value]:
    def run(budget: Budget, value: str, text: Value, start: int | None = None, end: int | None = None) -> bool:
        options = tuple(take_list(text, budget)) if isinstance(text, list | tuple) else (_text(text),)
        budget.charge_text(sum(len(_text(option)) for option in options))
        return apply(value, options, start, end)

    return run


def _remove(apply: Callable[[str, str], Any], *, backwards: bool) -> Callable[..., Value]:
    def run(budget: Budget, value: str, text: Value) -> Value:
        budget.charge_search(len(value), len(_text(text)), backwards=backwards)
        budget.grow_text(len(value), wide=not value.isascii())
        return apply(value, _text(text))

    return run


def _check_width(value: str, width: Value, budget: Budget) -> None:
    if type(width) not in (int, bool):
        fail("TypeError", "the width must be a whole number")
    budget.grow_text(max(len(value), width), wide=True)


def _pad(apply: Callable[[str, int, str], str]) -> Callable[..., Value]:
    def run(budget: Budget, value: str, width: int, fill: str = " ") -> str:
        _check_width(value, width, budget)
        return apply(value, width, _text(fill))

    return run


_plain_text_methods()


@_method(str, "zfill(width)")
def _zfill(budget: Budget, value: str, width: int) -> str:
    _check_width(value, width, budget)
    return value.zfill(width)


@_method(str, "expandtabs(tabsize=8)")
def _expandtabs(budget: Budget, value: str, tabsize: int = 8) -> str:
    budget.charge_text(2 * len(value))
    budget.grow_text(len(value) + value.count("\t") * max(0, tabsize), wide=True)
    return value.expandtabs(tabsize)


@_method(str, "replace(old, new, count=-1)")
def replace_text(budget: Budget, value: str, old: str, new: str, count: int = -1) -> str:
    old, new = _text(old), _text(new)
    budget.charge_search(2 * len(value), len(old))
    found = value.count(old) if old else len(value) + 1
    times = found if count < 0 else min(found, count)
    wide = not (value.isascii() and new.isascii())
    budget.grow_text(len(value) + times * (len(new) - len(old)), wide=wide)
    budget.charge(times // 16)
    return value.replace(old, new, count)


@_method(str, "join(items)")
def join_text(budget: Budget, value: str, items: Value) -> str:
    pieces = take_list(items, budget)
    total, wide = len(value) * max(0, len(pieces) - 1), not value.isascii()
    for piece in pieces:
        if type(piece) is not str:
            fail("TypeError", f"join needs texts, found {type_name(piece)}; use str(...) on each item")
        total += len(piece)
        wide = wide or not piece.isascii()
    budget.grow_text(total, wide=wide)
    return value.join(pieces)


def _pieces(pieces: list[str], value: str, budget: Budget) -> list[str]:
    budget.grow_items(len(pieces), each=64)
    budget.grow(len(value))
    return pieces


def _split_with(apply: Callable[..., list[str]], *, backwards: bool) -> Callable[..., Value]:
    def run(budget: Budget, value: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
        budget.charge_search(2 * len(value), 1 if sep is None else len(_text(sep)), backwards=backwards)
        if sep is not None and maxsplit < 0:
            budget.grow_items(value.count(_text(sep)) + 1 if sep else 1, each=0)
        # A whitespace split cannot be counted first, so it is stopped one item past the limit.
        limit = MAX_ITEMS if maxsplit < 0 else min(maxsplit, MAX_ITEMS)
        return _pieces(apply(value, sep, limit), value, budget)

    return run


_method(str, "split(sep=None, maxsplit=-1)")(_split_with(str.split, backwards=False))
_method(str, "rsplit(sep=None, maxsplit=-1)")(_split_with(str.rsplit, backwards=True))


@_method(str, "splitlines(keepends=False)")
def _splitlines(budget: Budget, value: str, keepends: bool = False) -> list[str]:
    budget.charge_text(12 * len(value))
    breaks = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
    budget.grow_items(1 + sum(value.count(mark) for mark in breaks), each=64)
    budget.grow(len(value))
    return value.splitlines(keepends)


@_method(str, "encode(encoding='utf-8')")
def _encode(budget: Budget, value: str, encoding: str = "utf-8") -> bytes:
    if _text(encoding, "encoding").lower() not in ("utf-8", "utf8", "ascii", "latin-1"):
        fail("ValueError", "only utf-8, ascii and latin-1 are known")
    budget.grow_text(len(value), wide=not value.isascii())
    return value.encode(encoding)


@_method(bytes, "decode(encoding='utf-8')")
def _decode(budget: Budget, value: bytes, encoding: str = "utf-8") -> str:
    if _text(encoding, "encoding").lower() not in ("utf-8", "utf8", "ascii", "latin-1"):
        fail("ValueError", "only utf-8, ascii and latin-1 are known")
    budget.grow_text(len(value), wide=True)
    return value.decode(encoding)


@_method(bytes, "hex()")
def _hex(budget: Budget, value: bytes) -> str:
    budget.grow_text(2 * len(value))
    return value.hex()


# Lists and tuples


def _index(budget: Budget, value: Value, item: Value, start: int = 0) -> int:
    for position in range(max(0, start if start >= 0 else len(value) + start), len(value)):
        budget.charge(1)
        if deep_equal(value[position], item, budget):
            return position
    fail("ValueError", "the item is not in the list")


def _count(budget: Budget, value: Value, item: Value) -> int:
    budget.charge(len(value))
    return sum(1 for candidate in value if deep_equal(candidate, item, budget))


for _kind in (list, tuple):
    _method(_kind, "index(item, start=0)")(_index)
    _method(_kind, "count(item)")(_count)


@_method(list, "copy()")
def _copy_list(budget: Budget, value: list[Value]) -> list[Value]:
    return take_list(value, budget)


# Objects


@_method(dict, "get(key, default=None)")
def _get(budget: Budget, value: dict[Value, Value], key: Value, default: Value = None) -> Value:
    check_key(key, budget)
    return value.get(key, default)


@_method(dict, "keys()")
def _keys(budget: Budget, value: dict[Value, Value]) -> list[Value]:
    return take_list(value, budget)


@_method(dict, "values()")
def _values(budget: Budget, value: dict[Value, Value]) -> list[Value]:
    budget.grow_items(len(value))
    return list(value.values())


@_method(dict, "items()")
def items_of(budget: Budget, value: dict[Value, Value]) -> list[Value]:
    budget.grow_items(len(value), each=72)
    return list(value.items())


@_method(dict, "copy()")
def _copy_object(budget: Budget, value: dict[Value, Value]) -> dict[Value, Value]:
    return copied(value, budget)


# Sets


def _sets(name: str) -> Callable[..., Value]:
    def run(budget: Budget, value: set[Value], *others: Value) -> Value:
        for other in others:
            value = set_operation(name, value, make_set(budget, other), budget)
        return value

    return run


def _compared(name: str) -> Callable[..., Value]:
    def run(budget: Budget, value: set[Value], other: Value) -> Value:
        return set_operation(name, value, make_set(budget, other), budget)

    return run


def make_set(budget: Budget, items: Value) -> set[Value]:
    """A new set; every item is paid for, tuples through and through, because hashing reads them whole."""
    values = take_list(items, budget)
    budget.grow(96 * len(values))
    return set_of(values, budget)


for _name in ("union", "intersection", "difference"):
    _method(set, f"{_name}(*others)")(_sets(_name))
for _name in ("symmetric_difference", "issubset", "issuperset", "isdisjoint"):
    _method(set, f"{_name}(other)")(_compared(_name))


# Numbers


@_method(float, "is_integer()")
def _is_integer(budget: Budget, value: float) -> bool:
    return value.is_integer()


@_method(int, "bit_length()")
def _bit_length(budget: Budget, value: int) -> int:
    return value.bit_length()


# Dates and times


def _call_plain(kind: type, name: str, *allowed: type) -> None:
    apply = getattr(kind, name)

    def run(budget: Budget, value: Value, *arguments: Value, **keywords: Value) -> Value:
        for argument in (*arguments, *keywords.values()):
            if type(argument) not in allowed and not isinstance(argument, datetime.tzinfo):
                fail("TypeError", f"{name} does not take {type_name(argument)}")
        return apply(value, *arguments, **keywords)

    _method(kind, f"{name}(...)" if allowed else f"{name}()")(run)


def _strftime(budget: Budget, value: Value, format: str) -> str:
    formatting.check_date_format(_text(format, "format"))
    return str(value.strftime(format))


for _moment in (datetime.datetime, datetime.date, datetime.time):
    _method(_moment, "strftime(format)")(_strftime)
    _call_plain(_moment, "isoformat", str)
    _call_plain(_moment, "replace", int, type(None))
for _day in (datetime.datetime, datetime.date):
    for _name in ("weekday", "isoweekday", "toordinal", "ctime", "timetuple"):
        _call_plain(_day, _name)
for _name in ("date", "time", "timestamp", "utcoffset", "tzname"):
    _call_plain(datetime.datetime, _name)
_call_plain(datetime.datetime, "astimezone", type(None))
_call_plain(datetime.timedelta, "total_seconds")


# Matches of a regular expression


@_method(regex.Match, "group(*groups)")
def _group(budget: Budget, value: Value, *groups: Value) -> Value:
    found = value.group(*groups)
    budget.grow(measure(found, budget))
    return found


@_method(regex.Match, "groups(default=None)")
def _groups(budget: Budget, value: Value, default: Value = None) -> Value:
    found = value.groups(default)
    budget.grow(measure(found, budget))
    return found


@_method(regex.Match, "groupdict(default=None)")
def _groupdict(budget: Budget, value: Value, default: Value = None) -> Value:
    found = value.groupdict(default)
    budget.grow(measure(found, budget))
    return found


def _position(name: str) -> None:
    apply = getattr(regex.Match, name)

    def run(budget: Budget, value: Value, group: Value = 0) -> Value:
        return apply(value, group)

    _method(regex.Match, f"{name}(group=0)")(run)


for _name in ("start", "end", "span"):
    _position(_name)

ATTRIBUTES: dict[type, frozenset[str]] = {
    datetime.datetime: frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"}),
    datetime.date: frozenset({"year", "month", "day"}),
    datetime.time: frozenset({"hour", "minute", "second", "microsecond", "tzinfo"}),
    datetime.timedelta: frozenset({"days", "seconds", "microseconds"}),
    time.struct_time: frozenset(
        {"tm_year", "tm_mon", "tm_mday", "tm_hour", "tm_min", "tm_sec", "tm_wday", "tm_yday", "tm_isdst"}
    ),
    regex.Match: frozenset({"lastgroup", "lastindex"}),
}

# Methods that people try and that would change a value, or read outside it: the refusal says what to do instead.
REFUSED: dict[type, dict[str, str]] = {
    list: dict.fromkeys(
        ("append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"),
        "values cannot be changed; build a new one with `+`, a comprehension, sorted(...) or reversed(...)",
    ),
    dict: dict.fromkeys(
        ("pop", "popitem", "update", "setdefault", "clear"),
        "values cannot be changed; build a new one with `{**old, 'key': value}` or a comprehension",
    ),
    set: dict.fromkeys(
        ("add", "remove", "discard", "pop", "clear", "update"), "values cannot be changed; build a new set with `|`"
    ),
    str: {
        "format": "use an f-string: f'{value}'",
        "format_map": "use an f-string: f'{value}'",
        "translate": "use .replace(...)",
        "maketrans": "use .replace(...)",
    },
}
