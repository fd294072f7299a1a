"""YAML as plain JSON values: no tags, no dates, no numbers in base 60, and bounded aliases."""

import math
import re
from typing import Any, ClassVar

import yaml

from julep_project.core.reading.outside_json import MAX_CONTAINERS, MAX_DEPTH, MAX_INTEGER_BITS

# Nodes take a microsecond each to count, and several to build.
_MAX_NODES = 100_000
_MAX_TAG_DIRECTIVES = 100
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
        """A whole number of a size that JSON text may have, too."""
        self._refuse_base_60(node)
        number = int(self.construct_yaml_int(node))
        if number.bit_length() > MAX_INTEGER_BITS:
            raise yaml.constructor.ConstructorError(None, None, "the number is too large", node.start_mark)
        return number

    def construct_number(self, node: yaml.ScalarNode) -> float:
        """A finite number."""
        self._refuse_base_60(node)
        number = float(self.construct_yaml_float(node))
        if not math.isfinite(number):
            raise yaml.constructor.ConstructorError(None, None, "NaN and infinity are not JSON", node.start_mark)
        return number

    def _refuse_base_60(self, node: yaml.ScalarNode) -> None:
        """A tag asks for it; a million digits would take minutes."""
        if ":" in self.construct_scalar(node):
            raise yaml.constructor.ConstructorError(None, None, "not a number", node.start_mark)


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


def load_yaml(raw: bytes | str, *, max_containers: int = MAX_CONTAINERS) -> Any:
    """The one document in `raw`.

    Raises:
        yaml.YAMLError: not YAML, several documents, or a tag that is not plain data.
        ValueError: nested too deeply, too many parts with aliases written out, or a text that its tag does not fit.
    """
    text = raw if isinstance(raw, str) else raw.decode()
    check_yaml(text, max_containers=max_containers)
    loader = PlainLoader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else loader.construct_document(node)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        # `!!bool maybe` is a KeyError of the library, `!!int ""` an IndexError.
        raise ValueError(f"a value does not fit its tag: {error}") from error
    finally:
        loader.dispose()


def check_yaml(text: str, *, max_containers: int = MAX_CONTAINERS) -> None:
    """Refuse what is beyond the bounds. The library builds nodes by calling itself once per level, which ends the
    process when there are many; its events come from a parser that does not.

    Raises:
        yaml.YAMLError: not YAML, as far as events tell.
        ValueError: beyond the bounds, or a node that contains itself.
    """
    if has_many_directives(text):
        raise ValueError(f"more than {_MAX_TAG_DIRECTIVES} tag directives")
    census = _Census(max_containers)
    loader = PlainLoader(text)
    try:
        for event in iter(loader.get_event, None):
            census.take(event)
    finally:
        loader.dispose()


def has_many_directives(text: str) -> bool:
    """Whether it may have so many tag directives that the library, which compares each with all others, takes long."""
    return text.count("%TAG") > _MAX_TAG_DIRECTIVES


class _Census:
    """Counts nodes and levels as if every alias were written out."""

    def __init__(self, max_containers: int) -> None:
        self._containers_left = max_containers
        self._nodes = 0
        # Of each collection that has begun: its anchor, the nodes before it, and the deepest level in it.
        self._open: list[tuple[str | None, int, int]] = []
        self._deepest = 0
        # Nodes and levels of what has an anchor; None while it is open.
        self._anchors: dict[str, tuple[int, int] | None] = {}

    def take(self, event: Any) -> None:
        """Count one event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._add(1, 0)
            if event.anchor:
                self._anchors[event.anchor] = (1, 0)
        elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
            self._begin(event.anchor)
        elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
            self._end()
        elif kind is yaml.AliasEvent:
            self._add(*self._meaning_of(event.anchor))

    def _add(self, nodes: int, levels: int) -> None:
        self._nodes += nodes
        if self._nodes > _MAX_NODES:
            raise ValueError(f"more than {_MAX_NODES:,} values, with aliases written out")
        deepest = len(self._open) + levels
        if deepest > self._deepest:
            if deepest > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
            self._deepest = deepest

    def _begin(self, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = None
        self._containers_left -= 1
        if self._containers_left < 0:
            raise ValueError("too many objects and lists")
        self._open.append((anchor, self._nodes, self._deepest))
        self._deepest = 0
        self._add(1, 0)

    def _end(self) -> None:
        anchor, nodes_before, deepest_before = self._open.pop()
        if anchor:
            self._anchors[anchor] = (self._nodes - nodes_before, self._deepest - len(self._open))
        self._deepest = max(self._deepest, deepest_before)

    def _meaning_of(self, name: str) -> tuple[int, int]:
        if name not in self._anchors:
            raise yaml.YAMLError(f"undefined alias {name[:100]!r}")
        known = self._anchors[name]
        if known is None:
            raise ValueError("a node contains itself")
        return known
