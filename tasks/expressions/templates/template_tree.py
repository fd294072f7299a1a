"""Jinja's expressions as the syntax tree that expressions are compiled from; what they mean is not decided here."""

import ast
from collections.abc import Callable
from typing import Any, NoReturn

from jinja2 import nodes

from tasks.expressions import access, light
from tasks.expressions.callables import Group
from tasks.expressions.compiling.node_tables import Known
from tasks.expressions.errors import LimitExceeded, UnsupportedFeature
from tasks.expressions.limits import MAX_CHAIN, MAX_DEPTH
from tasks.expressions.templates.template_filters import FILTERS, TESTS
from tasks.expressions.values import Missing

_BINARY: dict[type[nodes.Expr], type[ast.operator]] = {
    nodes.Add: ast.Add,
    nodes.Sub: ast.Sub,
    nodes.Mul: ast.Mult,
    nodes.Div: ast.Div,
    nodes.FloorDiv: ast.FloorDiv,
    nodes.Mod: ast.Mod,
    nodes.Pow: ast.Pow,
}
_UNARY: dict[type[nodes.Expr], type[ast.unaryop]] = {nodes.Neg: ast.USub, nodes.Pos: ast.UAdd, nodes.Not: ast.Not}
_LOGICAL: dict[type[nodes.Expr], type[ast.boolop]] = {nodes.And: ast.And, nodes.Or: ast.Or}
_COMPARE: dict[str, type[ast.cmpop]] = dict(
    zip(
        ("eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin"),
        (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
        strict=True,
    )
)
_NOTHING = Known(Missing("the other value"))


def lowered(node: nodes.Node, block: ast.expr | None = None) -> ast.expr:
    """The tree of one expression; `block` is what a chain of filters begins with that has no value of its own."""
    return _Lowering(block).tree(node)


def unsupported(node: nodes.Node) -> NoReturn:
    """Refuse a node that templates leave out."""
    name = type(node).__name__
    hint = " (templates stand alone)" if name in ("Include", "Import", "FromImport", "Extends", "Block") else ""
    _refuse(node, f"{name} is not supported in templates{hint}")


def _refuse(node: nodes.Node, message: str) -> NoReturn:
    error = UnsupportedFeature(message)
    error.line = node.lineno
    raise error


class _Lowering:
    def __init__(self, block: ast.expr | None) -> None:
        self.block = block
        self.level = 0

    def tree(self, node: nodes.Node) -> ast.expr:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            unsupported(node)
        self.level += 1
        if self.level > MAX_DEPTH + MAX_CHAIN:
            raise LimitExceeded("the template is nested too deep")
        tree = handler(self, node)
        self.level -= 1
        return tree

    def trees(self, given: list[nodes.Expr]) -> list[ast.expr]:
        return [self.tree(node) for node in given]

    def optional(self, node: nodes.Expr | None) -> ast.expr | None:
        return self.tree(node) if node is not None else None

    def binary(self, node: nodes.BinExpr) -> ast.expr:
        """A chain such as `a + b + c` is flat, however long."""
        chain: list[nodes.BinExpr] = []
        left: nodes.Expr = node
        while isinstance(left, nodes.BinExpr) and type(left) in _BINARY:
            chain.append(left)
            left = left.left
        tree = self.tree(left)
        for part in reversed(chain):
            tree = ast.BinOp(tree, _BINARY[type(part)](), self.tree(part.right))
        return tree

    def logical(self, node: nodes.And | nodes.Or) -> ast.expr:
        operands: list[nodes.Expr] = []
        left: nodes.Expr = node
        while isinstance(left, nodes.BinExpr) and type(left) is type(node):
            operands.append(left.right)
            left = left.left
        return ast.BoolOp(_LOGICAL[type(node)](), self.trees([left, *reversed(operands)]))

    def compare(self, node: nodes.Compare) -> ast.expr:
        operators: list[ast.cmpop] = [_COMPARE[operand.op]() for operand in node.ops]
        return ast.Compare(self.tree(node.expr), operators, self.trees([part.expr for part in node.ops]))

    def call(
        self, function: ast.expr, values: list[ast.expr], node: nodes.Call | nodes.Filter | nodes.Test
    ) -> ast.expr:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            _refuse(node, "* and ** in calls are not supported in templates")
        keywords = [ast.keyword(str(keyword.key), self.tree(keyword.value)) for keyword in node.kwargs]
        return ast.Call(function, values + self.trees(node.args), keywords)

    def filter(self, node: nodes.Filter) -> ast.expr:
        value = self.optional(node.node) or self.block
        if value is None:
            _refuse(node, "a filter needs a value")
        function = _found(node, FILTERS, "filter", is_light=node.name in light.FILTERS)
        return self.call(function, [value], node)


def _found(node: nodes.Filter | nodes.Test, table: Group, noun: str, *, is_light: bool = True) -> Known:
    if node.name not in table.functions:
        _refuse(node, f"there is no {noun} {node.name!r}{access.suggestion(node.name, table.functions)}")
    return Known(table.functions[node.name], is_light=is_light)


_HANDLERS: dict[type[nodes.Node], Callable[[_Lowering, Any], ast.expr]] = {
    nodes.Const: lambda to, node: ast.Constant(node.value),
    nodes.Name: lambda to, node: ast.Name(node.name),
    **dict.fromkeys(_BINARY, _Lowering.binary),
    **dict.fromkeys(_LOGICAL, _Lowering.logical),
    **dict.fromkeys(_UNARY, lambda to, node: ast.UnaryOp(_UNARY[type(node)](), to.tree(node.node))),
    nodes.Compare: _Lowering.compare,
    nodes.CondExpr: lambda to, node: ast.IfExp(
        to.tree(node.test), to.tree(node.expr1), to.optional(node.expr2) or _NOTHING
    ),
    nodes.Concat: lambda to, node: ast.JoinedStr([ast.FormattedValue(part, -1) for part in to.trees(node.nodes)]),
    nodes.List: lambda to, node: ast.List(to.trees(node.items)),
    nodes.Tuple: lambda to, node: ast.Tuple(to.trees(node.items)),
    nodes.Dict: lambda to, node: ast.Dict(
        [*to.trees([pair.key for pair in node.items])], to.trees([pair.value for pair in node.items])
    ),
    nodes.Getattr: lambda to, node: ast.Attribute(to.tree(node.node), node.attr),
    nodes.Getitem: lambda to, node: ast.Subscript(to.tree(node.node), to.tree(node.arg)),
    nodes.Slice: lambda to, node: ast.Slice(*map(to.optional, (node.start, node.stop, node.step))),
    nodes.Call: lambda to, node: to.call(to.tree(node.node), [], node),
    nodes.Filter: _Lowering.filter,
    nodes.Test: lambda to, node: to.call(_found(node, TESTS, "test"), [to.tree(node.node)], node),
}
