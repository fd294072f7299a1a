"""What the arguments of a call do with secrets: which they name, and that these are put into text and nothing else.

An expression is evaluated long before the call is made, and its result is stored: it sees marks, never values. So
whatever else it did with one could only go wrong.
"""

import ast
from collections.abc import Callable, Iterator

from jinja2 import nodes

from agents.tools.secret_names import ONLY_JOINED, SecretMisused
from tasks.expressions.compiling.source import parse
from tasks.expressions.templates.templates import parse_template
from tasks.language.scope import SECRETS
from tasks.language.values import Value

# What is rendered in these is a value for something else.
_KEPT = (nodes.AssignBlock, nodes.FilterBlock, nodes.Macro, nodes.CallBlock)
_AS_TEXT = (-1, ord("s"))


def names_in_value(value: Value) -> frozenset[str]:
    """The secrets that a value names, in itself or below.

    Raises:
        SecretMisused: something else is done with one.
    """
    if SECRETS not in value.names():
        return frozenset()
    found: set[str] = set()
    for _, node in value.walk():
        for _, expression in node.expressions():
            if SECRETS in expression.names:
                found.update(_joined(parse(expression.source)))
        for template in node.templates():
            if SECRETS in template.names:
                found.update(_in_template(parse_template(template.source)))
    return frozenset(found)


def _joined(node: ast.expr) -> Iterator[str]:
    """Names of secrets in an expression that only puts them together with others."""
    name = _reference(node)
    if name is not None:
        yield name
        return
    handler = _JOINING.get(type(node))
    parts = handler(node) if handler is not None else None
    if parts is None:
        _refuse_any(node)
        return
    for part, is_joined in parts:
        if is_joined:
            yield from _joined(part)
        else:
            _refuse_any(part)


def _reference(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name(id=base), attr=name) if base == SECRETS:
            return name
        case ast.Subscript(value=ast.Name(id=base), slice=ast.Constant(value=str(name))) if base == SECRETS:
            return name
    return None


def _refuse_any(node: ast.AST) -> None:
    if any(isinstance(part, ast.Name) and part.id == SECRETS for part in ast.walk(node)):
        raise SecretMisused(ONLY_JOINED)


# A part of an expression, and whether it comes into the result as it is.
_Parts = list[tuple[ast.expr, bool]]


def _formatted(node: ast.JoinedStr) -> _Parts:
    parts: _Parts = []
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            parts.append((value.value, value.conversion in _AS_TEXT and value.format_spec is None))
            parts += [(value.format_spec, False)] if value.format_spec is not None else []
    return parts


def _binary(node: ast.BinOp) -> _Parts | None:
    if isinstance(node.op, ast.Add):
        return [(node.left, True), (node.right, True)]
    if isinstance(node.op, ast.Mod) and _is_text(node.left):
        return [(node.right, True)]
    return None


def _called(node: ast.Call) -> _Parts | None:
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    match node.func:
        case ast.Name(id="str") if len(values) == 1:
            return [(values[0], True)]
        case ast.Attribute(value=text, attr="join") if _is_text(text):
            return [(value, True) for value in values]
    return None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _object(node: ast.Dict) -> _Parts:
    return [(key, False) for key in node.keys if key is not None] + [(value, True) for value in node.values]


_JOINING: dict[type[ast.expr], Callable[..., _Parts | None]] = {
    ast.JoinedStr: _formatted,
    ast.BinOp: _binary,
    ast.Call: _called,
    ast.Dict: _object,
    ast.List: lambda node: [(item, True) for item in node.elts],
    ast.Tuple: lambda node: [(item, True) for item in node.elts],
    ast.IfExp: lambda node: [(node.test, False), (node.body, True), (node.orelse, True)],
}


def _in_template(tree: nodes.Template) -> set[str]:
    named: set[str] = set()
    shown: set[int] = set()
    for output in tree.find_all(nodes.Output):
        for part in output.nodes:
            named.update(_shown_in(part, shown))
    read = [name for name in tree.find_all(nodes.Name) if name.name == SECRETS]
    if any(id(name) not in shown for name in read) or any(tree.find_all(_KEPT)):
        raise SecretMisused(ONLY_JOINED)
    return named


def _shown_in(node: nodes.Node, shown: set[int]) -> Iterator[str]:
    """Names of secrets that are shown as they are; the nodes that read `secrets` for that are put into `shown`."""
    match node:
        case nodes.Getattr(node=nodes.Name(name=base), attr=name) if base == SECRETS:
            shown.add(id(node.node))
            yield name
        case nodes.Getitem(node=nodes.Name(name=base), arg=nodes.Const(value=str(name))) if base == SECRETS:
            shown.add(id(node.node))
            yield name
        case nodes.Concat(nodes=parts):
            for part in parts:
                yield from _shown_in(part, shown)
        case nodes.Add(left=left, right=right):
            yield from _shown_in(left, shown)
            yield from _shown_in(right, shown)
