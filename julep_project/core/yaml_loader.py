"""YAML as plain JSON values: no tags, no dates, no numbers in base 60, and bounded aliases."""

import math
import re
from typing import Any, ClassVar

import yaml

_MAX_NODES = 200_000
_MAX_INTEGER_BITS = 14_000
_TAG = "tag:yaml.org,2002:"


class PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Builds None, bool, int, float, str, list and dict, nothing else."""

    yaml_constructors: ClassVar[dict[Any, Any]] = {}
    yaml_multi_constructors: ClassVar[dict[Any, Any]] = {}
    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}

    def construct_key(self, node: yaml.Node) -> str:
        """Keys are text: `1:` and `on:` keep the letters they were written with."""
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be text", node.start_mark)
        return str(node.value)

    def construct_object_mapping(self, node: yaml.MappingNode) -> Any:
        """An object; yields before it is filled, as the library does, so that parents come first."""
        data: dict[str, Any] = {}
        yield data
        self.flatten_mapping(node)
        for key, value in node.value:
            data[self.construct_key(key)] = self.construct_object(value, deep=True)

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        """A whole number of a size that can be written in decimal again."""
        number = int(self.construct_yaml_int(node))
        if number.bit_length() > _MAX_INTEGER_BITS:
            raise yaml.constructor.ConstructorError(None, None, "the number is too large", node.start_mark)
        return number

    def construct_number(self, node: yaml.ScalarNode) -> float:
        """A finite number."""
        number = float(self.construct_yaml_float(node))
        if not math.isfinite(number):
            raise yaml.constructor.ConstructorError(None, None, "NaN and infinity are not JSON", node.start_mark)
        return number


def _configure() -> None:
    safe = yaml.constructor.SafeConstructor
    for tag, construct in {
        "null": safe.construct_yaml_null,
        "bool": safe.construct_yaml_bool,
        "int": PlainLoader.construct_whole_number,
        "float": PlainLoader.construct_number,
        "str": safe.construct_yaml_str,
        "timestamp": safe.construct_yaml_str,
        "seq": safe.construct_yaml_seq,
        "map": PlainLoader.construct_object_mapping,
    }.items():
        PlainLoader.add_constructor(_TAG + tag, construct)
    PlainLoader.add_constructor(None, safe.construct_undefined)
    truth = r"^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"
    whole = r"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$"
    number = (
        r"^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    )
    for tag, pattern, first in [
        ("bool", truth, "yYnNtTfFoO"),
        ("float", number, "-+0123456789."),
        ("int", whole, "-+0123456789"),
        ("merge", r"^(?:<<)$", "<"),
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ]:
        PlainLoader.add_implicit_resolver(_TAG + tag, re.compile(pattern), list(first))


_configure()


def load_yaml(raw: bytes, *, max_depth: int) -> Any:
    """The one document in `raw`.

    Raises:
        yaml.YAMLError: not YAML, several documents, or a tag that is not plain data.
        ValueError: nested too deeply, or aliases that would multiply the data beyond the limit.
    """
    loader = PlainLoader(raw.decode())
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_expanded_size(node, max_depth)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check_expanded_size(root: yaml.Node, max_depth: int) -> None:
    """Count nodes as if every alias were written out. Iterative: the graph may be hostile."""
    sizes: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, children_done = stack.pop()
        key = id(node)
        if children_done:
            open_nodes.discard(key)
            known = [sizes[id(child)] for child in _children(node)]
            size, depth = 1 + sum(item[0] for item in known), 1 + max((item[1] for item in known), default=0)
            if size > _MAX_NODES:
                raise ValueError("aliases multiply the document beyond the limit")
            if depth > max_depth:
                raise ValueError(f"nested deeper than {max_depth} levels")
            sizes[key] = (size, depth)
        elif key in open_nodes:
            raise ValueError("a node contains itself")
        elif key not in sizes:
            open_nodes.add(key)
            stack.append((node, True))
            stack.extend((child, False) for child in _children(node))


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
