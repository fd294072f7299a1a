"""Values that only exist while a template renders: its frame, its output, loops, macros and namespaces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_STRING, Budget
from tasks.expressions.measure import deep_equal
from tasks.expressions.values import Missing, Scope, Value, fail


class Output:
    """The text written so far, bounded."""

    __slots__ = ("budget", "pieces", "total")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.pieces: list[str] = []
        self.total = 0

    def write(self, text: str) -> None:
        self.total += len(text)
        if self.total > MAX_STRING:
            raise LimitExceeded(f"a template may write at most {MAX_STRING:,} characters")
        self.budget.grow(64)
        self.pieces.append(text)

    def text(self) -> str:
        self.budget.grow_text(self.total, wide=not all(map(str.isascii, self.pieces)))
        return "".join(self.pieces)


class TemplateFrame:
    """One rendering: what it reads, what it may use, and the variables of each enclosing block, innermost last."""

    __slots__ = ("budget", "line", "macro_depth", "scope", "variables")

    def __init__(self, scope: Scope, budget: Budget, variables: list[dict[str, Value]], macro_depth: int = 0) -> None:
        self.scope = scope
        self.budget = budget
        self.variables = variables
        self.macro_depth = macro_depth
        self.line = 1


Code: TypeAlias = Callable[[TemplateFrame], Value]
Statement: TypeAlias = Callable[[TemplateFrame, Output], None]


@dataclass(eq=False, repr=False)
class Loop:
    """The `loop` variable of a `for` block."""

    items: list[Value]
    depth: int
    index0: int = 0
    _seen: list[Value] = field(default_factory=list)

    def attribute(self, name: str) -> Value:
        count = len(self.items)
        values: dict[str, Value] = {
            "index": self.index0 + 1,
            "index0": self.index0,
            "first": self.index0 == 0,
            "last": self.index0 == count - 1,
            "length": count,
            "revindex": count - self.index0,
            "revindex0": count - self.index0 - 1,
            "depth": self.depth,
            "depth0": self.depth - 1,
        }
        if name == "previtem":
            return self.items[self.index0 - 1] if self.index0 else Missing("loop.previtem")
        if name == "nextitem":
            return self.items[self.index0 + 1] if self.index0 + 1 < count else Missing("loop.nextitem")
        if name not in values:
            fail("AttributeError", f"loop has no {name}")
        return values[name]

    def call(self, name: str, budget: Budget, arguments: list[Value]) -> Value:
        if name == "cycle" and arguments:
            return arguments[self.index0 % len(arguments)]
        if name == "changed":
            before, self._seen = self._seen, arguments
            return not before or not deep_equal(before, arguments, budget)
        fail("AttributeError", f"loop has no method {name}")


@dataclass(eq=False, repr=False)
class Namespace:
    """What `namespace(...)` gives: the one thing that a template can set from inside a loop."""

    values: dict[str, Value]


@dataclass(eq=False, repr=False)
class Macro:
    """A macro with the variables that were visible where it was defined."""

    name: str
    parameters: list[str]
    defaults: list[Code]
    body: Statement
    cost: int
    variables: list[dict[str, Value]]

    def bind(self, frame: TemplateFrame, arguments: list[Value], keywords: Mapping[str, Any]) -> dict[str, Value]:
        if len(arguments) > len(self.parameters):
            fail("TypeError", f"macro {self.name} takes at most {len(self.parameters)} values")
        bound = dict(zip(self.parameters, arguments, strict=False))
        for name, value in keywords.items():
            if name != "caller" and (name not in self.parameters or name in bound):
                fail("TypeError", f"macro {self.name} cannot take {name!r} here")
            bound[name] = value
        first_default = len(self.parameters) - len(self.defaults)
        for index, name in enumerate(self.parameters):
            if name not in bound:
                has_default = index >= first_default
                bound[name] = self.defaults[index - first_default](frame) if has_default else Missing(name)
        return bound
