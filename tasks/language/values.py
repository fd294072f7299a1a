"""Values of a program: literals, expressions, templates and texts with expressions in them, in trees.

What a string means is decided once, when a task is created. The stored form is tagged, so nothing is decided again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from julep_project.core.json_value import Json
from tasks.expressions.expression import Expression, compile_expression
from tasks.expressions.folding import ITEM, RESULTS, compile_fold
from tasks.expressions.formatting import join_pieces
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import Template, compile_template
from tasks.language.slots import Slot, load_slot

Scope = Mapping[str, object]


class Value(ABC):
    """One node of a value tree."""

    @abstractmethod
    def evaluate(self, scope: Scope, budget: Budget) -> Json:
        """What the node stands for, as plain JSON."""

    def holds(self, scope: Scope, budget: Budget) -> bool:
        """Whether what the node stands for is true."""
        return bool(self.evaluate(scope, budget))

    def fold(self, items: Sequence[Json], initial: Json, scope: Scope, budget: Budget) -> Json:
        """What it stands for with each item as `_` in turn; `results` is what it stood for before, first `initial`."""
        results = initial
        for item in items:
            results = self.evaluate({**scope, RESULTS: results, ITEM: item}, budget)
        return results

    @abstractmethod
    def dump(self) -> Json:
        """The stored form, read back by `load_value`."""

    def children(self) -> Iterator[tuple[str, "Value"]]:
        """Nodes below this one, with the path that leads to each (`.key` or `[index]`)."""
        return iter(())

    def expressions(self) -> Iterator[tuple[str, Expression]]:
        """Expressions of this node itself, each with its source as it was written."""
        return iter(())

    def templates(self) -> Iterator[Template]:
        """Templates of this node itself."""
        return iter(())

    def extent(self) -> tuple[int, int]:
        """How many expressions this node itself holds, and their characters; of a template its marks count."""
        sources = [source for source, _ in self.expressions()]
        marks = [template.source.count("{{") + template.source.count("{%") for template in self.templates()]
        return len(sources) + sum(marks), sum(map(len, sources))

    def names(self) -> frozenset[str]:
        """Names that this node or one below it reads."""
        nodes = [node for _, node in self.walk()]
        read = [expression.names for node in nodes for _, expression in node.expressions()]
        read += [template.names for node in nodes for template in node.templates()]
        return frozenset().union(*read)

    def is_light(self) -> bool:
        """Whether it may be evaluated where other threads wait for the interpreter."""
        nodes = [node for _, node in self.walk()]
        return all(expression.is_light for node in nodes for _, expression in node.expressions()) and all(
            template.is_light for node in nodes for template in node.templates()
        )

    def is_literal(self) -> bool:
        """Whether there is nothing to evaluate in it."""
        return all(node.extent() == (0, 0) for _, node in self.walk())

    def walk(self, path: str = "") -> Iterator[tuple[str, "Value"]]:
        """This node and all below it, each with its path."""
        yield path, self
        for step, child in self.children():
            yield from child.walk(path + step)


@dataclass(frozen=True, slots=True)
class Literal(Value):
    """A value used as it is."""

    value: Json

    def evaluate(self, scope: Scope, budget: Budget) -> Json:
        return self.value

    def dump(self) -> Json:
        """`{"literal": value}`."""
        return {"literal": self.value}


@dataclass(frozen=True, slots=True)
class ExpressionValue(Value):
    """The result of an expression."""

    expression: Expression

    def evaluate(self, scope: Scope, budget: Budget) -> Json:
        return self.expression.evaluate(scope, budget)

    def holds(self, scope: Scope, budget: Budget) -> bool:
        return self.expression.holds(scope, budget)

    def fold(self, items: Sequence[Json], initial: Json, scope: Scope, budget: Budget) -> Json:
        return compile_fold(self.expression.source).over(items, initial, scope, budget)

    def dump(self) -> Json:
        """`{"expression": source}`."""
        return {"expression": self.expression.source}

    def expressions(self) -> Iterator[tuple[str, Expression]]:
        yield self.expression.source, self.expression


@dataclass(frozen=True, slots=True)
class TemplateValue(Value):
    """The text a Jinja template gives."""

    template: Template

    def evaluate(self, scope: Scope, budget: Budget) -> Json:
        return self.template.render(scope, budget)

    def dump(self) -> Json:
        """`{"template": source}`."""
        return {"template": self.template.source}

    def templates(self) -> Iterator[Template]:
        yield self.template


@dataclass(frozen=True, slots=True)
class TextValue(Value):
    """A text with expressions in it that give text; everything between them stays exactly as written."""

    parts: tuple[str | Slot, ...]

    def evaluate(self, scope: Scope, budget: Budget) -> Json:
        """The text with its slots filled."""
        filled = (part if isinstance(part, str) else part.expression.evaluate(scope, budget) for part in self.parts)
        return join_pieces(list(filled), budget)

    def dump(self) -> Json:
        """`{"text": ["...", {"slot": source}]}`."""
        return {"text": [part if isinstance(part, str) else {"slot": part.source} for part in self.parts]}

    def expressions(self) -> Iterator[tuple[str, Expression]]:
        return ((part.source, part.expression) for part in self.parts if isinstance(part, Slot))


@dataclass(frozen=True, slots=True)
class ObjectValue(Value):
    """An object whose values are evaluated; keys are literal."""

    items: tuple[tuple[str, Value], ...]

    def evaluate(self, scope: Scope, budget: Budget) -> Json:
        """The object; keys do not see each other."""
        return {key: value.evaluate(scope, budget) for key, value in self.items}

    def dump(self) -> Json:
        """`{"object": {key: node}}`."""
        return {"object": {key: value.dump() for key, value in self.items}}

    def children(self) -> Iterator[tuple[str, Value]]:
        return ((f".{key}", value) for key, value in self.items)


@dataclass(frozen=True, slots=True)
class ListValue(Value):
    """A list whose items are evaluated."""

    items: tuple[Value, ...]

    def evaluate(self, scope: Scope, budget: Budget) -> Json:
        return [value.evaluate(scope, budget) for value in self.items]

    def dump(self) -> Json:
        """`{"list": [node]}`."""
        return {"list": [value.dump() for value in self.items]}

    def children(self) -> Iterator[tuple[str, Value]]:
        return ((f"[{index}]", value) for index, value in enumerate(self.items))


def load_value(stored: Mapping[str, Any]) -> Value:
    """The node of a stored form."""
    ((tag, content),) = stored.items()
    match tag:
        case "literal":
            return Literal(content)
        case "expression":
            return ExpressionValue(compile_expression(content))
        case "template":
            return TemplateValue(compile_template(content))
        case "text":
            return TextValue(tuple(part if isinstance(part, str) else load_slot(part["slot"]) for part in content))
        case "object":
            return ObjectValue(tuple((key, load_value(value)) for key, value in content.items()))
        case "list":
            return ListValue(tuple(load_value(value) for value in content))
    raise ValueError(f"unknown kind of value {tag!r}")


def folded(value: Value) -> Value:
    """The same tree with every part that needs no evaluation made one literal."""
    if isinstance(value, ObjectValue):
        pairs = tuple((key, folded(item)) for key, item in value.items)
        if all(isinstance(item, Literal) for _, item in pairs):
            return Literal({key: item.value for key, item in pairs if isinstance(item, Literal)})
        return ObjectValue(pairs)
    if isinstance(value, ListValue):
        items = tuple(folded(item) for item in value.items)
        if all(isinstance(item, Literal) for item in items):
            return Literal([item.value for item in items if isinstance(item, Literal)])
        return ListValue(items)
    return value
