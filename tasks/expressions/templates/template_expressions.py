"""What expressions mean inside templates, where they differ: variables of blocks, and what is missing."""

import ast
from collections.abc import Callable
from typing import Any

from jinja2 import nodes

from tasks.expressions import access
from tasks.expressions.compiling.compiler import Compiler
from tasks.expressions.compiling.reading import past_input
from tasks.expressions.comprehensions import Code
from tasks.expressions.errors import UnsupportedFeature
from tasks.expressions.functions import CONSTANTS, FUNCTIONS, MODULES
from tasks.expressions.templates.template_lookup import template_attribute, template_item, template_method
from tasks.expressions.templates.template_tree import lowered
from tasks.expressions.templates.template_values import NAMESPACE
from tasks.expressions.values import Missing, Value, fail, resolve

# Characters of the way to a value, in what is said of it when it is missing.
_SHOWN_PATH = 200


class TemplateExpressions(Compiler):
    """Compiles the expressions of one template; `line` is where it stands."""

    functions = {**FUNCTIONS, NAMESPACE.name: NAMESPACE}
    item = staticmethod(template_item)
    call_method = staticmethod(template_method)

    def __init__(self) -> None:
        super().__init__()
        self.line = 1
        self._declared: list[set[str]] = [set()]

    def expression(self, node: nodes.Node, block: ast.expr | None = None) -> Code:
        self.line = node.lineno
        return self.compile(lowered(node, block))

    def _scoped(self, names: set[str], compile: Callable[[], Any]) -> Any:
        self._declared.append(names)
        try:
            return compile()
        finally:
            self._declared.pop()

    def _costed(self, compile: Callable[[], Any]) -> tuple[Any, int]:
        """Compile something that may run many times; its cost is charged for each run."""
        before = self.cost
        result = compile()
        cost, self.cost = self.cost - before, before + 1
        return result, cost

    def _is_declared(self, name: str) -> bool:
        return any(name in names for names in self._declared)

    def is_module(self, name: str) -> bool:
        """A variable may have its name."""
        return False

    def check_index(self, node: ast.Subscript) -> None:
        """What is not there is missing."""

    def read(self, name: str) -> Code:
        if access.is_private(name) and name.startswith("__"):
            raise UnsupportedFeature(f"the name {name!r} cannot be read")
        if name in CONSTANTS or name in MODULES or name in FUNCTIONS:
            outside = super().read(name)
        elif (position := past_input(name)) is not None and not self._is_declared(name):
            outside = self.read_past_input(position)
        else:
            outside = _read_outside(name)
            if not self._is_declared(name):
                self.facts.names.add(name)

        def run(frame: Any) -> Value:
            for variables in reversed(frame.variables):
                if name in variables:
                    return variables[name]
            return outside(frame)

        return run

    def read_attribute(self, value: Code, node: ast.Attribute) -> Code:
        name, path = node.attr, _path(node)
        if path in (f"self.{name}", f"super.{name}"):
            raise UnsupportedFeature(f"{path.partition('.')[0]} is not supported")
        return lambda frame: template_attribute(value(frame), name, path, frame.budget)

    def call_name(self, name: str, node: ast.Call) -> Code:
        if not self._is_declared(name) and (name in self.functions or name in MODULES or name == "get"):
            return super().call_name(name, node)
        read = self.read(name)

        def function(frame: Any) -> Value:
            found = read(frame)
            if type(found) is Missing:
                fail("NameError", f"there is no function {name!r}{access.suggestion(name, FUNCTIONS)}")
            return found

        return self.call_value(function, node)


def _read_outside(name: str) -> Code:
    missing = Missing(name)
    return lambda frame: resolve(frame.scope[name], frame.budget) if name in frame.scope else missing


def _path(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "...")
    path = ".".join(reversed(parts))
    return path if len(path) <= _SHOWN_PATH else f"...{path[-_SHOWN_PATH:]}"
