"""Running comprehensions and generator expressions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tasks.expressions import access, operators
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.keys import Keys
from tasks.expressions.limits import MAX_ITEMS, Budget
from tasks.expressions.values import Scope, Stream, Value, iterate

_LIST_ITEM_SIZE = 48
_MAPPING_ITEM_SIZE = 160


class Frame:
    """One evaluation: what it reads, what it may use, and its comprehension variables."""

    __slots__ = ("budget", "scope", "slots")

    def __init__(self, scope: Scope, budget: Budget, slots: list[Value]) -> None:
        self.scope = scope
        self.budget = budget
        self.slots = slots


Code: TypeAlias = Callable[[Frame], Value]
Bind: TypeAlias = Callable[[Frame, Value], None]


@dataclass
class Clause:
    """One `for ... in ... if ...`; `cost` is charged for each turn."""

    iterable: Code
    bind: Bind
    conditions: list[Code]
    cost: int


def bind_name(slot: int) -> Bind:
    def bind(frame: Frame, value: Value) -> None:
        frame.slots[slot] = value

    return bind


def bind_names(parts: list[Bind]) -> Bind:
    def bind(frame: Frame, value: Value) -> None:
        for part, item in zip(parts, access.unpack(value, len(parts), frame.budget), strict=True):
            part(frame, item)

    return bind


def _turns(frame: Frame, clauses: list[Clause], index: int = 0) -> Iterator[None]:
    """Bind the variables of each turn in the frame, one turn after the other."""
    clause = clauses[index]
    charge, bind, conditions, cost = frame.budget.charge, clause.bind, clause.conditions, clause.cost
    is_last = index == len(clauses) - 1
    for item in iterate(clause.iterable(frame), frame.budget):
        charge(cost)
        bind(frame, item)
        if conditions and not all(operators.is_true(test(frame)) for test in conditions):
            continue
        if is_last:
            yield
        else:
            yield from _turns(frame, clauses, index + 1)


def _check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise LimitExceeded(f"a collection may have at most {MAX_ITEMS:,} items")


def list_code(clauses: list[Clause], element: Code) -> Code:
    def run(frame: Frame) -> list[Value]:
        budget = frame.budget
        items: list[Value] = []
        for _ in _turns(frame, clauses):
            budget.size -= _LIST_ITEM_SIZE
            items.append(element(frame))
            _check_count(len(items))
        return items

    return run


def mapping_code(clauses: list[Clause], key: Code, value: Code) -> Code:
    def run(frame: Frame) -> dict[Value, Value]:
        budget = frame.budget
        items: dict[Value, Value] = {}
        keys = Keys(budget, items)
        for _ in _turns(frame, clauses):
            budget.size -= _MAPPING_ITEM_SIZE
            name = key(frame)
            keys.admit(name)
            items[name] = value(frame)
            _check_count(len(items))
        return items

    return run


def generator_code(clauses: list[Clause], element: Code) -> Code:
    """A generator keeps its own copy of the variables: several may be alive at once."""

    def run(frame: Frame) -> Stream:
        own = Frame(frame.scope, frame.budget, list(frame.slots))
        return Stream(element(own) for _ in _turns(own, clauses))

    return run
