"""Text formatting with bounds: format specifications, `%` formatting and f-string pieces."""

import datetime
import re

from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_FORMAT_WIDTH, Budget
from tasks.expressions.measure import repr_of, text_of
from tasks.expressions.values import NUMBERS, Missing, Value, fail, type_name

_DIGITS = re.compile(r"\d+")
_CONVERSION = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?(?P<flags>[#0\- +]*)(?P<width>\d*)(?P<precision>\.\d*)?(?P<type>.?)", re.DOTALL
)
_DATE_DIRECTIVE = re.compile(r"%(?:-?[A-Za-z]|%)|[^%]+")
_MAX_DATE_FORMAT = 500
_DATES = frozenset({datetime.datetime, datetime.date, datetime.time})


def check_format_numbers(specification: str) -> None:
    """Refuse widths and precisions that would pad a value into a huge text."""
    for digits in _DIGITS.findall(specification):
        if len(digits) > 9 or int(digits) > MAX_FORMAT_WIDTH:
            raise LimitExceeded(f"a width or precision may be at most {MAX_FORMAT_WIDTH:,}")


def check_date_format(pattern: str) -> None:
    """Allow plain `strftime` directives only: platform extensions take a width."""
    if len(pattern) > _MAX_DATE_FORMAT:
        raise LimitExceeded(f"a date format may have at most {_MAX_DATE_FORMAT} characters")
    if "\x00" in pattern or "".join(_DATE_DIRECTIVE.findall(pattern)) != pattern:
        fail("ValueError", "the date format has an unknown directive")


def format_value(value: Value, specification: str, budget: Budget) -> str:
    """`format(value, specification)`."""
    if not specification or type(value) is Missing:
        return text_of(value, budget)
    if type(value) in _DATES:
        check_date_format(specification)
        return format(value, specification)
    if type(value) not in NUMBERS and type(value) is not str:
        fail(
            "TypeError",
            f"a format such as {specification[:20]!r} works on numbers and texts, not on {type_name(value)}",
        )
    check_format_numbers(specification)
    if type(value) is str:
        budget.grow_text(len(value), wide=not value.isascii())
    return format(value, specification)


def convert(value: Value, conversion: str, budget: Budget) -> str:
    """The `!s`, `!r` and `!a` conversions of an f-string."""
    if conversion == "s":
        return text_of(value, budget)
    text = repr_of(value, budget)
    return text.encode("ascii", "backslashreplace").decode() if conversion == "a" else text


def join_pieces(pieces: list[str], budget: Budget) -> str:
    budget.grow_text(sum(map(len, pieces)), wide=not all(map(str.isascii, pieces)))
    return "".join(pieces)


def percent_format(template: str, arguments: Value, budget: Budget) -> str:
    """`template % arguments`, one conversion at a time."""
    pieces: list[str] = []
    position = 0
    values = _Arguments(arguments)
    for match in _CONVERSION.finditer(template):
        budget.charge(4)
        pieces.append(template[position : match.start()])
        position = match.end()
        pieces.append(_percent_piece(match, values, budget))
    values.check_all_used()
    pieces.append(template[position:])
    return join_pieces(pieces, budget)


class _Arguments:
    """The right side of `%`: one value, a tuple of values, or an object read by key."""

    def __init__(self, arguments: Value) -> None:
        self.arguments = arguments
        self.position = 0
        self.is_tuple = type(arguments) is tuple

    def take(self, key: str | None) -> Value:
        if key is not None:
            if type(self.arguments) is not dict:
                fail("TypeError", "a format with names needs an object")
            self.position = -1
            return self.arguments[key]
        values = self.arguments if self.is_tuple else (self.arguments,)
        if not 0 <= self.position < len(values):
            fail("TypeError", "not enough arguments for the format")
        self.position += 1
        return values[self.position - 1]

    def check_all_used(self) -> None:
        given = len(self.arguments) if self.is_tuple else 1
        if self.position >= 0 and self.position < given and type(self.arguments) is not dict:
            fail("TypeError", "not all arguments are used by the format")


def _percent_piece(match: re.Match[str], values: _Arguments, budget: Budget) -> str:
    kind = match["type"]
    if kind == "%":
        return "%"
    shape = f"%{match['flags']}{match['width']}{match['precision'] or ''}"
    check_format_numbers(shape)
    value = values.take(match["key"])
    if kind in ("s", "r", "a"):
        text = convert(value, kind, budget)
        budget.grow_text(len(text))
        return f"{shape}s" % text
    if kind and kind in "diouxXeEfFgGc":
        if type(value) not in NUMBERS and not (kind == "c" and type(value) is str):
            fail("TypeError", f"%{kind} needs a number, not {type_name(value)}")
        return str(f"{shape}{kind}" % value)
    fail("ValueError", f"the format has an unknown conversion '%{kind}'")
