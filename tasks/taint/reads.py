"""What an expression or a template reads: names, with the keys below them that are written out."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import nodes

from tasks.expressions.compiling.reading import past_input
from tasks.expressions.compiling.source import parse
from tasks.expressions.templates.templates import parse_template

Key = str | int


@dataclass(frozen=True, slots=True)
class Read:
    """A name of the scope, and the keys below it as far as they are known."""

    name: str
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Reads:
    """All that is read. `passes_on`: the value is one of these as it is. `keys`: it is an object with these keys,
    each made of its own."""

    all: tuple[Read, ...]
    passes_on: Read | None = None
    keys: tuple[tuple[str, tuple[Read, ...]], ...] | None = None


def reads_of_expression(source: str) -> Reads:
    """What an expression that was compiled before reads."""
    tree = parse(source)
    whole = tuple(dict.fromkeys(_in_expression(tree)))
    if isinstance(tree, ast.Dict) and None not in (written := [_text(key) for key in tree.keys]):
        named = zip(written, tree.values, strict=True)
        return Reads(whole, keys=tuple((str(key), tuple(_in_expression(value))) for key, value in named))
    chain = _chain(tree)
    return Reads(whole, passes_on=chain if chain is not None and whole == (chain,) else None)


def reads_of_template(source: str) -> Reads:
    """What a template that was compiled before reads."""
    return Reads(tuple(dict.fromkeys(_in_template(parse_template(source)))))


def _in_expression(node: ast.AST) -> Iterator[Read]:
    stack: list[ast.AST] = [node]
    while stack:
        part = stack.pop()
        match part:
            case ast.Call(func=ast.Name(id="get"), args=[ast.Constant(value=str(key)), *others], keywords=keywords):
                yield Read("state", (key,))
                stack += [*others, *keywords]
            case ast.Call(func=ast.Attribute(value=value)):
                # The name of a method is no key.
                stack += [value, *part.args, *part.keywords]
            case ast.Name() | ast.Attribute() | ast.Subscript():
                found, beside = _unwound(part)
                if found is not None:
                    yield found
                stack += beside
            case _:
                stack += ast.iter_child_nodes(part)


def _text(key: ast.expr | None) -> str | None:
    """A key that is stored as it is written. Others become texts that may be the same as another key's, and of those
    that are equal, as 1 and True, the first gives the name and the last the value."""
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _unwound(node: ast.expr) -> tuple[Read | None, list[ast.AST]]:
    """The name at the bottom of attributes and items, with the keys next to it that are written out; and what else is
    evaluated on the way."""
    keys: list[Key | None] = []
    others: list[ast.AST] = []
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=value, attr=name):
                keys.append(name)
                node = value
            case ast.Subscript(value=value, slice=item):
                key = _written(item)
                keys.append(key)
                if key is None:
                    others.append(item)
                node = value
            case _:
                return None, [*others, node]
    return _named(node.id, keys), others


def _named(name: str, keys: list[Key | None]) -> Read:
    """A read of the name and the keys below it, of which the last stands first; those after one that is not written out
    are not known. The function `get`, as a value too, reads the store."""
    if name == "get":
        return Read("state")
    past = past_input(name)
    known: list[Key] = [] if past is None else [past]
    for key in reversed(keys):
        if key is None:
            break
        known.append(key)
    return Read(name if past is None else "inputs", tuple(known))


def _chain(node: ast.expr) -> Read | None:
    """What the expression reads, if it is nothing but a name with attributes and items that are written out."""
    part = node
    while isinstance(part, ast.Attribute | ast.Subscript):
        if isinstance(part, ast.Subscript) and _written(part.slice) is None:
            return None
        part = part.value
    return _unwound(node)[0] if isinstance(part, ast.Name) else None


def _written(node: ast.expr) -> Key | None:
    match node:
        case ast.Constant(value=str() | int() as key) if not isinstance(key, bool):
            return key
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)) if not isinstance(number, bool):
            return -number
    return None


def _in_template(node: nodes.Node) -> Iterator[Read]:
    stack: list[nodes.Node] = [node]
    while stack:
        part: nodes.Node = stack.pop()
        keys: list[Key | None] = []
        if isinstance(part, nodes.Call) and isinstance(part.node, nodes.Getattr):
            called = [part.dyn_args, part.dyn_kwargs]
            stack += [part.node.node, *part.args, *part.kwargs, *(each for each in called if each is not None)]
            continue
        while isinstance(part, nodes.Getattr | nodes.Getitem):
            match part:
                case nodes.Getattr():
                    keys.append(part.attr)
                case nodes.Getitem(arg=nodes.Const(value=str() | int() as written)):
                    keys.append(written)
                case nodes.Getitem():
                    keys.append(None)
                    stack.append(part.arg)
            part = part.node
        if isinstance(part, nodes.Name):
            yield _named(part.name, keys)
        else:
            stack += part.iter_child_nodes()
