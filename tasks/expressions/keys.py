"""The one way to put values of a program into a set or an object.

Python hashes texts with a secret of the process, but numbers, dates and tuples of them by rules that everybody knows:
whoever chooses them chooses where they meet, by equal hashes (multiples of 2**61 - 1) or by places that are tried in
the same order. Then each one more is compared with all before it, inside one call that nothing interrupts. So both
are bounded here: how many keys other than texts one collection holds, and how many of them have the same hash.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_EQUAL_HASHES, MAX_KEYS_OTHER_THAN_TEXT, Budget
from tasks.expressions.measure import check_key, holds
from tasks.expressions.values import Value, fail, type_name

_ONLY_TEXT = frozenset({str})
_NOT_KEYS = frozenset({list, dict, set})
_OBJECT_ITEM = 100
_NOTHING: Any = object()


class Keys:
    """Admits keys to one set or object before they are put in; what is in it already may be given at the start."""

    __slots__ = ("_budget", "_count", "_held", "_marks")

    def __init__(self, budget: Budget, held: Collection[Value]) -> None:
        self._budget = budget
        self._held = held
        self._count = 0
        self._marks: dict[str, int] = {}

    def admit(self, key: Value) -> None:
        """Charge for a key and count it if it is new.

        Raises:
            LimitExceeded: there are too many others than texts, or too many with its hash.
        """
        if type(key) is str:
            check_key(key, self._budget)
            return
        if type(key) in _NOT_KEYS:
            fail("TypeError", f"a {type_name(key)} cannot be a key or a member of a set")
        if not holds(self._held, key, self._budget):
            self._add(key)

    def _add(self, key: Value) -> None:
        self._count += 1
        if self._count > MAX_KEYS_OTHER_THAN_TEXT:
            raise LimitExceeded(
                f"a set or an object may have at most {MAX_KEYS_OTHER_THAN_TEXT:,} members or keys that are not texts; "
                "use str(...)"
            )
        # As text, so that nobody chooses where the counts meet.
        mark = hex(hash(key))
        same = self._marks[mark] = self._marks.get(mark, 0) + 1
        if same > MAX_EQUAL_HASHES:
            raise LimitExceeded(
                f"at most {MAX_EQUAL_HASHES:,} numbers of a set or an object may have the same hash; use str(...)"
            )


def only_texts(keys: Iterable[Value]) -> bool:
    """Whether all keys are texts, as those of every object from outside."""
    return set(map(type, keys)) <= _ONLY_TEXT


def set_of(values: Iterable[Value], budget: Budget) -> set[Value]:
    """The different values; the caller has announced their number."""
    found: set[Value] = set()
    keys = Keys(budget, found)
    for value in values:
        keys.admit(value)
        found.add(value)
    return found


def object_of(pairs: Iterable[tuple[Value, Value]], budget: Budget) -> dict[Value, Value]:
    """The object of these pairs, the last of each key; the caller has announced their number."""
    found: dict[Value, Value] = {}
    keys = Keys(budget, found)
    for key, value in pairs:
        keys.admit(key)
        found[key] = value
    return found


def copied(one: dict[Value, Value], budget: Budget) -> dict[Value, Value]:
    """A copy: Python takes over the places of the keys as they are."""
    budget.grow_items(len(one), each=_OBJECT_ITEM)
    return dict(one)


def merged(objects: Iterable[Mapping[Value, Value]], budget: Budget) -> dict[Value, Value]:
    """All keys of the objects, each with its last value."""
    given = list(objects)
    count = sum(map(len, given))
    budget.grow_items(count, each=_OBJECT_ITEM)
    if all(map(only_texts, given)):
        whole: dict[Value, Value] = {}
        for one in given:
            whole.update(one)
        return whole
    return object_of((pair for one in given for pair in one.items()), budget)


def set_operation(name: str, left: set[Value], right: set[Value], budget: Budget) -> Any:
    """`left.<name>(right)` for the methods of `SET_OPERATIONS`, member by member."""
    budget.grow_items(len(left) + len(right), each=64)
    return SET_OPERATIONS[name](left, right, budget)


def _within(left: set[Value], right: set[Value], budget: Budget) -> Iterator[Value]:
    return (value for value in left if holds(right, value, budget))


def _without(left: set[Value], right: set[Value], budget: Budget) -> Iterator[Value]:
    return (value for value in left if not holds(right, value, budget))


def _exclusive(left: set[Value], right: set[Value], budget: Budget) -> Iterator[Value]:
    return chain(_without(left, right, budget), _without(right, left, budget))


def _is_part(left: set[Value], right: set[Value], budget: Budget) -> bool:
    return next(_without(left, right, budget), _NOTHING) is _NOTHING


SET_OPERATIONS: dict[str, Callable[[set[Value], set[Value], Budget], Any]] = {
    "union": lambda left, right, budget: set_of(chain(left, right), budget),
    "intersection": lambda left, right, budget: set_of(_within(left, right, budget), budget),
    "difference": lambda left, right, budget: set_of(_without(left, right, budget), budget),
    "symmetric_difference": lambda left, right, budget: set_of(_exclusive(left, right, budget), budget),
    "issubset": _is_part,
    "issuperset": lambda left, right, budget: _is_part(right, left, budget),
    "isdisjoint": lambda left, right, budget: next(_within(left, right, budget), _NOTHING) is _NOTHING,
}
