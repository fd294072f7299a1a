"""The values expressions work on: what a scope may hold, and the small types that only exist while evaluating."""

import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, Protocol, TypeAlias, TypeGuard, runtime_checkable

import regex

from tasks.expressions.errors import EvaluationError
from tasks.expressions.limits import Budget

Json: TypeAlias = Any
Scope: TypeAlias = Mapping[str, object]
# Values inside an evaluation are checked by their exact type at run time, not by the type checker.
Value: TypeAlias = Any


class Lazy:
    """A scope value read on first use; the answer is kept."""

    __slots__ = ("_is_read", "_read", "_value")

    def __init__(self, read: Callable[[], object]) -> None:
        self._read = read
        self._is_read = False
        self._value: object = None

    def resolve(self) -> object:
        if not self._is_read:
            self._value = self._read()
            self._is_read = True
        return self._value


@runtime_checkable
class LazyObject(Protocol):
    """A value supplied by the engine and read piece by piece, such as `steps`."""

    def get_item(self, key: object) -> object:
        """The item; raises `KeyError` or `IndexError`."""

    def get_attribute(self, name: str) -> object:
        """The attribute; raises `AttributeError` or `KeyError`."""

    def length(self) -> int: ...

    def iterate(self) -> Iterator[object]: ...

    def to_json(self) -> Json: ...


class Stream:
    """What a generator expression gives: items made one by one, each paid for when it is made."""

    __slots__ = ("items",)

    def __init__(self, items: Iterator[Value]) -> None:
        self.items = items

    def __repr__(self) -> str:
        return "<generator>"


class Missing:
    """A name or key that a template reads but nobody gave: empty, falsy, and named in errors."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Missing)

    def __hash__(self) -> int:
        return hash(Missing)

    def __repr__(self) -> str:
        return ""


SCALARS = frozenset({type(None), bool, int, float, str})
NUMBERS = frozenset({bool, int, float})
KNOWN_TYPES = SCALARS | {
    list,
    tuple,
    dict,
    set,
    range,
    bytes,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    time.struct_time,
    regex.Match,
    Stream,
    Missing,
}

_TYPE_NAMES: dict[type, str] = {
    type(None): "null",
    dict: "object",
    Stream: "generator",
    Missing: "missing value",
    regex.Match: "match",
}


_lazy_types: dict[type, bool] = {}


def is_lazy(value: Value) -> TypeGuard[LazyObject]:
    """Whether the engine supplies it. What a type has is looked up once: doing so takes longer than ten nodes."""
    kind = type(value)
    if kind in KNOWN_TYPES:
        return False
    found = _lazy_types.get(kind)
    if found is None:
        found = _lazy_types[kind] = issubclass(kind, LazyObject)
    return found


def type_name(value: Value) -> str:
    if is_lazy(value):
        return "object"
    return _TYPE_NAMES.get(type(value), type(value).__name__)


def fail(kind: str, message: str) -> NoReturn:
    """Raise an `EvaluationError` of the given class of failure."""
    raise EvaluationError(message, type=kind)


def resolve(value: object, budget: Budget) -> Value:
    """The value behind a scope entry; the caller's own reading does not count as our CPU time."""
    if type(value) is Lazy:
        with budget.paused():
            return value.resolve()
    return value


def concrete(value: Value, budget: Budget) -> Value:
    """A value of a known type; lazy objects of the engine become plain JSON."""
    if not is_lazy(value):
        return value
    with budget.paused():
        return value.to_json()


def iterate(value: Value, budget: Budget) -> Iterator[Value]:
    """Items of a value. The caller charges for each item it takes."""
    kind = type(value)
    if kind is Stream:
        return value.items  # type: ignore[no-any-return]
    if kind in (list, tuple, str, dict, range, set, bytes, time.struct_time):
        return iter(value)
    if kind is Missing:
        return iter(())
    if is_lazy(value):
        return iter(value.iterate())
    fail("TypeError", f"{type_name(value)} is not a list or another value with items")


def take_list(value: Value, budget: Budget) -> list[Value]:
    """All items as a new list, bounded."""
    if isinstance(value, list | tuple | set | dict):
        budget.grow_items(len(value))
        return list(value)
    if isinstance(value, str | range | bytes):
        budget.grow_items(len(value), each=64)
        return list(value)
    items: list[Value] = []
    for item in iterate(value, budget):
        items.append(item)
        if len(items) % 256 == 0:
            budget.grow_items(len(items), each=0)
            budget.grow(256 * 8)
    budget.charge(len(items))
    return items
