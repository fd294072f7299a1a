"""Which parts of a JSON Schema apply to one and the same value, by following each other: such a chain must have an
end, and may not multiply.

`{"not": {"$ref": "#"}}` asks of a value that it does not fit what it has to fit; every checker follows that for ever.
References that go down into the value (`properties`, `items`) are as good as the value is finite.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

# How often the parts of a schema may be applied to one value, through all references: beyond is a machine's trick.
MAX_APPLICATIONS = 10_000
# Nesting of the schema's text. Checking one level takes several calls within each other.
MAX_DEPTH = 100

_LISTS = ("allOf", "anyOf", "oneOf", "extends", "disallow", "type")
_SINGLE = ("not", "if", "then", "else", "extends")
_MAPS = ("dependentSchemas", "dependencies")

Node = Mapping[str, Any]
Key = int | str


class UnusableSchema(ValueError):
    """The schema cannot be applied: a reference leads nowhere or in a circle, or the check takes too much work."""


def check_references(schema: Mapping[str, Any]) -> None:
    """Refuse a schema whose parts refer to each other without going down into the value, or that is nested too deep.

    Raises:
        UnusableSchema
    """
    parts = _Parts(schema)
    applications: dict[Key, int] = {}
    for start in parts.nodes:
        _count(parts, start, applications)


def _count(parts: "_Parts", start: Key, applications: dict[Key, int]) -> None:
    """Fill in how often what `start` leads to is applied. Iterative: chains may be long."""
    if start in applications:
        return
    path: dict[Key, None] = {start: None}
    stack = [(start, iter(parts.next_to(start)))]
    while stack:
        key, following = stack[-1]
        other = next((other for other in following if other not in applications), None)
        if other is None:
            total = 1 + sum(applications[other] for other in parts.next_to(key))
            if total > MAX_APPLICATIONS:
                raise UnusableSchema(f"its parts are applied more than {MAX_APPLICATIONS:,} times to one value")
            applications[key] = total
            stack.pop()
            del path[key]
        elif other in path:
            raise UnusableSchema("the schema refers to itself without end")
        else:
            path[other] = None
            stack.append((other, iter(parts.next_to(other))))


class _Parts:
    """The objects of a schema, and what each applies to the same value beside itself."""

    def __init__(self, schema: Node) -> None:
        self.nodes: dict[Key, Node] = {}
        self._bases: dict[Key, str] = {}
        self._resources: dict[str, Node] = {"": schema}
        self._anchors: dict[tuple[str, str], Node] = {}
        # By name: what a `$dynamicRef` may lead to, wherever it stands. Under "": what a `$recursiveRef` may.
        self._dynamic: dict[str, list[Key]] = {"": [id(schema)]}
        self._next: dict[Key, tuple[Key, ...]] = {}
        self._walk(schema)

    def next_to(self, key: Key) -> tuple[Key, ...]:
        """What is applied to the same value because this is."""
        found = self._next.get(key)
        if found is None:
            if isinstance(key, str):
                found = tuple(self._dynamic.get(key, ()))
            else:
                found = tuple(self._followers(key))
            self._next[key] = found
        return found

    def _walk(self, schema: Node) -> None:
        level: list[tuple[Any, str]] = [(schema, "")]
        for _ in range(MAX_DEPTH):
            below: list[tuple[Any, str]] = []
            for value, base in level:
                if isinstance(value, Mapping):
                    inner = self._take(value, base)
                    below += [(item, inner) for item in value.values() if isinstance(item, Mapping | list)]
                else:
                    below += [(item, base) for item in value if isinstance(item, Mapping | list)]
            if not below:
                return
            level = below
        raise UnusableSchema("the schema is nested too deep")

    def _take(self, node: Node, base: str) -> str:
        """Note an object. Returns the base of references inside."""
        key = id(node)
        name = node.get("$id", node.get("id"))
        if isinstance(name, str) and not name.startswith("#"):
            base = urldefrag(_joined(base, name)).url
            self._resources.setdefault(base, node)
        elif isinstance(name, str):
            self._anchors.setdefault((base, name[1:]), node)
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(keyword), str):
                self._anchors.setdefault((base, node[keyword]), node)
        if isinstance(node.get("$dynamicAnchor"), str):
            self._dynamic.setdefault(node["$dynamicAnchor"], []).append(key)
        if node.get("$recursiveAnchor") is True:
            self._dynamic[""].append(key)
        self.nodes[key] = node
        self._bases[key] = base
        return base

    def _followers(self, key: int) -> Iterator[Key]:
        node = self.nodes[key]
        for part in _in_place(node):
            if id(part) in self.nodes:
                yield id(part)
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(node.get(keyword), str):
                target = self._target(self._bases[key], node[keyword])
                if target is not None and id(target) in self.nodes:
                    yield id(target)
        if isinstance(node.get("$dynamicRef"), str):
            yield node["$dynamicRef"].rpartition("#")[2]
        if "$recursiveRef" in node:
            yield ""

    def _target(self, base: str, reference: str) -> Any:
        if reference.startswith("#"):
            fragment = reference[1:]
        else:
            base, fragment = urldefrag(_joined(base, reference))
        if fragment and not fragment.startswith("/"):
            return self._anchors.get((base, unquote(fragment)))
        found: Any = self._resources.get(base)
        for step in unquote(fragment).split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list) and step.isdecimal() and int(step[:9]) < len(found):
                found = found[int(step)]
            else:
                return None
        return found


def _in_place(node: Node) -> Iterator[Any]:
    for keyword in _SINGLE:
        yield node.get(keyword)
    for keyword in _LISTS:
        if isinstance(node.get(keyword), list):
            yield from node[keyword]
    for keyword in _MAPS:
        if isinstance(node.get(keyword), Mapping):
            yield from node[keyword].values()


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference
