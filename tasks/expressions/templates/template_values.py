"""Values that only exist while a template renders: its frames, its output, loops, macros and namespaces."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tasks.expressions.callables import Function
from tasks.expressions.comprehensions import Code, Frame
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.keys import merged
from tasks.expressions.limits import MAX_MACRO_DEPTH, MAX_STRING, Budget
from tasks.expressions.measure import deep_equal
from tasks.expressions.values import Missing, Scope, Value, fail

# What a macro calls for the text of the `call` block it is used in.
CALLER = "caller"


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


class TemplateFrame(Frame):
    """One rendering, or one call of a macro in it: with the variables of each enclosing block, innermost last."""

    __slots__ = ("line", "macro_depth", "root", "variables")

    def __init__(
        self, scope: Scope, budget: Budget, variables: list[dict[str, Value]], root: "TemplateFrame | None" = None
    ) -> None:
        super().__init__(scope, budget, [])
        self.variables = variables
        self.root = root or self
        # Of the root only: how many macros are at work.
        self.macro_depth = 0
        self.line = 1


Statement: TypeAlias = Callable[[TemplateFrame, Output], None]


@dataclass(eq=False, repr=False)
class Loop:
    """The `loop` variable of a `for` block."""

    items: list[Value]
    depth: int
    index0: int = 0
    _seen: list[Value] = field(default_factory=list)

    def __repr__(self) -> str:
        return "<loop>"

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

    def __repr__(self) -> str:
        return "<namespace>"


def _namespace(budget: Budget, /, *values: Value, **keywords: Value) -> Namespace:
    return Namespace(merged([values[0] if values and type(values[0]) is dict else {}, keywords], budget))


NAMESPACE = Function("namespace", "namespace(object=None, **values)", "", "", _namespace, takes_lazy=True)


@dataclass(frozen=True)
class Macro:
    """What the text of a macro says. It becomes a function where it is defined."""

    name: str
    parameters: dict[str, Code | None]
    body: Statement
    cost: int

    def function(self, frame: Any) -> Function:
        """The macro with the variables that are visible here."""
        variables, root = list(frame.variables), frame.root

        def run(budget: Budget, /, *arguments: Value, **keywords: Value) -> str:
            if root.macro_depth >= MAX_MACRO_DEPTH:
                raise LimitExceeded(f"macros may call each other at most {MAX_MACRO_DEPTH} levels deep")
            budget.charge(self.cost)
            own = TemplateFrame(root.scope, budget, [*variables, {}], root)
            output = Output(budget)
            root.macro_depth += 1
            try:
                self._bind(own, arguments, keywords)
                self.body(own, output)
            finally:
                root.macro_depth -= 1
            return output.text()

        return Function(self.name, f"{self.name}({', '.join(self.parameters)})", "", "", run, takes_lazy=True)

    def _bind(self, frame: TemplateFrame, arguments: tuple[Value, ...], keywords: dict[str, Value]) -> None:
        bound = frame.variables[-1]
        if len(arguments) > len(self.parameters):
            fail("TypeError", f"macro {self.name} takes at most {len(self.parameters)} values")
        bound.update(zip(self.parameters, arguments, strict=False))
        for name, value in keywords.items():
            if name != CALLER and (name not in self.parameters or name in bound):
                fail("TypeError", f"macro {self.name} cannot take {name!r} here")
            bound[name] = value
        for name, default in self.parameters.items():
            if name not in bound:
                bound[name] = Missing(name) if default is None else default(frame)
        if self.name != CALLER:
            # That of an enclosing macro is not its own.
            bound.setdefault(CALLER, Missing(CALLER))
