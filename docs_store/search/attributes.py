"""Filters by attributes, as OpenAI's searches have them, as a condition on a JSON column.

Keys and values are data: they only ever become parameters.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial, reduce
from operator import and_, or_
from typing import Any

from django.db.models import F, Func, JSONField, Q, TextField, Value
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of

DEEPEST = 8
MOST_COMPARISONS = 100
MOST_VALUES = 100
LONGEST_KEY = 64
LONGEST_VALUE = 512

_COLUMN = "doc__metadata"
_JOINTS: Mapping[str, Callable[[Q, Q], Q]] = {"and": and_, "or": or_}
_ORDERS: Mapping[str, Any] = {
    "gt": GreaterThan,
    "gte": GreaterThanOrEqual,
    "lt": LessThan,
    "lte": LessThanOrEqual,
}
_EQUAL = ("eq", "ne")
_AMONG = ("in", "nin")
_KINDS = (*_EQUAL, *_ORDERS, *_AMONG, *_JOINTS)


def attribute_condition(filters: Any, loc: Path = ("filters",), column: str = _COLUMN) -> Q:
    """The condition that a comparison, or several joined by `and` and `or`, means.

    An attribute that is not there is equal to nothing, and neither less nor greater than anything.

    Raises:
        InvalidInput
    """
    return _Reader(column).read(filters, tuple(loc), 1)


class _Reader:
    """Reads one filter, which has no more than so many comparisons."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._count = 0

    def read(self, given: Any, loc: tuple[str | int, ...], depth: int) -> Q:
        kind = as_object(given, loc).get("type")
        if kind is None:
            raise invalid((*loc, "type"), "missing")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise not_one_of((*loc, "type"), _KINDS, kind)
        unknown = given.keys() - ({"type", "filters"} if kind in _JOINTS else {"type", "key", "value"})
        if unknown:
            raise invalid((*loc, min(map(str, unknown))), "extra_forbidden")
        return self._joined(kind, given, loc, depth) if kind in _JOINTS else self._compared(kind, given, loc)

    def _joined(self, kind: str, given: Mapping[str, Any], loc: tuple[str | int, ...], depth: int) -> Q:
        loc = (*loc, "filters")
        parts = given.get("filters")
        if not isinstance(parts, list):
            raise invalid(loc, "missing" if parts is None else "list_type", received=parts)
        if not parts:
            raise invalid(loc, "too_short", bound=1, received=parts)
        if depth == DEEPEST:
            raise invalid(loc, "value_error", msg=f"Filters lie in one another up to {DEEPEST} deep", received="")
        read = (self.read(part, (*loc, place), depth + 1) for place, part in enumerate(parts))
        return reduce(_JOINTS[kind], read)

    def _compared(self, kind: str, given: Mapping[str, Any], loc: tuple[str | int, ...]) -> Q:
        self._count += 1
        if self._count > MOST_COMPARISONS:
            raise invalid(loc, "value_error", msg=f"A filter has up to {MOST_COMPARISONS} comparisons", received="")
        key, value, at = given.get("key"), given.get("value"), (*loc, "value")
        if not isinstance(key, str):
            raise invalid((*loc, "key"), "missing" if key is None else "string_type", received=key)
        if len(key) > LONGEST_KEY:
            raise invalid((*loc, "key"), "string_too_long", bound=LONGEST_KEY, received=key)
        if value is None:
            raise invalid(at, "missing")
        if kind in _AMONG:
            condition = reduce(or_, map(partial(self._equals, key), _values(value, at)))
        elif kind in _EQUAL:
            condition = self._equals(key, _scalar(value, at))
        else:
            return self._ordered(kind, key, _scalar(value, at, may_be_bool=False))
        return ~condition if kind in ("ne", "nin") else condition

    def _equals(self, key: str, value: Any) -> Q:
        return Q(**{f"{self._column}__contains": {key: value}})

    def _ordered(self, kind: str, key: str, value: Any) -> Q:
        """Values of different kinds have no order."""
        found = Func(F(self._column), Value(key), function="jsonb_extract_path", output_field=JSONField())
        type_ = Func(found, function="jsonb_typeof", output_field=TextField())
        same = Exact(type_, Value("string" if isinstance(value, str) else "number"))
        return Q(same, _ORDERS[kind](found, Value(value, output_field=JSONField())))


def _values(given: Any, loc: tuple[str | int, ...]) -> list[Any]:
    if not isinstance(given, list):
        raise invalid(loc, "list_type", received=given)
    if not given:
        raise invalid(loc, "too_short", bound=1, received=given)
    if len(given) > MOST_VALUES:
        raise invalid(loc, "too_long", bound=MOST_VALUES, received=f"{len(given)} values")
    return [_scalar(value, (*loc, place)) for place, value in enumerate(given)]


def _scalar(value: Any, loc: tuple[str | int, ...], *, may_be_bool: bool = True) -> Any:
    """A text, a number or, perhaps, a boolean."""
    if isinstance(value, str):
        if len(value) > LONGEST_VALUE:
            raise invalid(loc, "string_too_long", bound=LONGEST_VALUE, received=value)
        return value
    if isinstance(value, bool) and may_be_bool:
        return value
    if is_number(value):
        return value
    kinds = "a text, a number or a boolean" if may_be_bool else "a text or a number"
    raise invalid(loc, "value_error", msg=f"Input should be {kinds}", received=value)


def is_number(value: Any) -> bool:
    """Whether it is a number that others can read, too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -(2**63) <= value < 2**63 if isinstance(value, int) else math.isfinite(value)
