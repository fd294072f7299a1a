"""YAML as plain values: no tags that make objects, no dates, and bounded aliases and merge keys.

The library builds nodes by calling itself once per level, which ends the process when there are many, and follows
aliases and merge keys without a bound. Its events come from a parser that does neither, and here a value is counted,
with aliases written out, before it is built.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from julep_project.core.reading.outside_json import MAX_CONTAINERS, MAX_DEPTH, MAX_INTEGER_BITS
from julep_project.core.reading.repeated_keys import RepeatedKey

# Nodes take several microseconds each.
_MAX_NODES = 100_000
# With aliases written out; a text without them is never refused for it.
_MAX_CHARACTERS = 16 * 1024 * 1024
_MAX_TAG_DIRECTIVES = 100
_TAG = "tag:yaml.org,2002:"
_TEXTS = frozenset({"str", "timestamp", "merge", "value"})
_MERGE: Any = object()
_NO_KEY: Any = object()

# Scalars as the library reads them, whole numbers in base 60 among them.
YamlScalars: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class JsonScalars(YamlScalars):
    """Scalars that JSON has, too: no numbers in base 60, and none without an end."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}

    def construct_yaml_int(self, node: yaml.Node) -> int:
        """A tag may ask for base 60."""
        return int(super().construct_yaml_int(_not_in_base_60(node)))

    def construct_yaml_float(self, node: yaml.Node) -> float:
        number = float(super().construct_yaml_float(_not_in_base_60(node)))
        if not math.isfinite(number):
            raise ValueError("NaN and infinity are not JSON")
        return number


def _not_in_base_60(node: yaml.Node) -> yaml.Node:
    if ":" in node.value:
        raise ValueError("not a number")
    return node


def _configure() -> None:
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
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ]:
        JsonScalars.add_implicit_resolver(_TAG + tag, re.compile(pattern), list(first))


_configure()


class TooMuchYaml(ValueError):
    """The text is nested too deep, or has more parts than the bounds allow."""


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come."""

    value: Any
    anchor: str | None = None
    nodes_before: int = 0
    characters_before: int = 0
    levels: int = 1
    admit: Callable[[Any], object] | None = None
    key: Any = _NO_KEY
    given: list[dict[Any, Any]] = field(default_factory=list)
    places: dict[Any, tuple[int, int]] = field(default_factory=dict)  # line and column of each key


class YamlReader:
    """Reads the one document of a text as plain values. Subclasses say what may differ, and may charge for it."""

    scalars: ClassVar[Any] = JsonScalars
    max_depth: ClassVar[int] = MAX_DEPTH
    max_integer_bits: ClassVar[int] = MAX_INTEGER_BITS

    def __init__(self, *, max_containers: int = MAX_CONTAINERS) -> None:
        self._containers_left = max_containers
        self._nodes = self._characters = 0
        self._place = (1, 1)
        self._most_characters = _MAX_CHARACTERS
        self._open = [_Open([])]
        # What an alias stands for: the value; the event of a scalar, which may be a key, too; its size in nodes, levels
        # and characters.
        self._anchors: dict[str, tuple[Any, Any, int, int, int]] = {}

    def read(self, text: str) -> Any:
        """The value of the document; None if there is none.

        Raises:
            yaml.YAMLError: not YAML, several documents, or a tag that is not plain data.
            TooMuchYaml: beyond the bounds.
            ValueError: a text that its tag does not fit, or half of a surrogate pair.
        """
        # The library compares each with all others.
        if text.count("%TAG") > _MAX_TAG_DIRECTIVES:
            raise TooMuchYaml(f"more than {_MAX_TAG_DIRECTIVES} tag directives")
        self._most_characters = max(_MAX_CHARACTERS, len(text))
        self._loader = self.scalars(text)
        try:
            for event in iter(self._loader.get_event, None):
                self._place = event.start_mark.line + 1, event.start_mark.column + 1
                self.charge(event)
                self._take(event)
        finally:
            self._loader.dispose()
        documents = self._open[0].value
        return documents[0] if documents else None

    def charge(self, event: Any) -> None:
        """Charge for an event before anything is made of it."""

    def key(self, event: Any) -> Any:
        """A key. Here it is text: `1:` and `on:` keep the letters they were written with."""
        return str(event.value)

    def note_key(self, places: dict[Any, tuple[int, int]], key: Any, place: tuple[int, int]) -> None:
        """Hears of every key of an object before its value comes. `places` is for the keys that came before it."""

    def admission(self, items: dict[Any, Any]) -> Callable[[Any], object] | None:
        """What is called with each key of an object before it is put in."""
        return None

    def merged(self, objects: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
        """All keys of the objects, each with its last value."""
        return {key: value for one in objects for key, value in one.items()}

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self.scalar(event)
            self._put(value, event, 1, 0, len(event.value))
            if event.anchor:
                self._anchors[event.anchor] = value, event, 1, 0, len(event.value)
        elif kind is yaml.SequenceStartEvent:
            self._begin(event, [], "seq")
        elif kind is yaml.MappingStartEvent:
            self._begin(event, {}, "map")
        elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
            self._end()
        elif kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                raise _refusal(f"unknown alias {event.anchor[:100]!r}, or a value that contains itself", event)
            self._put(*self._anchors[event.anchor])
        elif kind is yaml.DocumentStartEvent and self._open[0].value:
            raise _refusal("the text has more than one document", event)

    def _count(self, nodes: int, levels: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._characters > self._most_characters:
            raise TooMuchYaml(f"more than {self._most_characters:,} characters, with aliases written out")
        if self._nodes > _MAX_NODES:
            raise TooMuchYaml(f"more than {_MAX_NODES:,} values, with aliases written out")
        if len(self._open) - 1 + levels > self.max_depth:
            raise TooMuchYaml(f"nested deeper than {self.max_depth} levels")

    def _begin(self, event: Any, value: Any, kind: str) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            raise _refusal(f"the tag {event.tag[:60]!r} is not supported here", event)
        self._containers_left -= 1
        if self._containers_left < 0:
            raise TooMuchYaml("too many objects and lists")
        admit = self.admission(value) if kind == "map" else None
        self._open.append(_Open(value, event.anchor, self._nodes, self._characters, admit=admit))
        self._count(1, 0, 0)

    def _end(self) -> None:
        ended = self._open.pop()
        value = self.merged([*ended.given, ended.value]) if ended.given else ended.value
        self._put(value, None, 0, ended.levels, 0)
        if ended.anchor:
            nodes, characters = self._nodes - ended.nodes_before, self._characters - ended.characters_before
            self._anchors[ended.anchor] = value, None, nodes, ended.levels, characters

    def _put(self, value: Any, scalar: Any, nodes: int, levels: int, characters: int) -> None:
        """Count a value and give it its place in the innermost collection."""
        self._count(nodes, levels, characters)
        inside = self._open[-1]
        inside.levels = max(inside.levels, levels + 1)
        if isinstance(inside.value, list):
            inside.value.append(value)
        elif inside.key is _NO_KEY:
            if scalar is None:
                raise yaml.YAMLError("a key must be a plain value")
            inside.key = _MERGE if _is_merge(scalar) else self.key(scalar)
            if inside.key is not _MERGE:
                self.note_key(inside.places, inside.key, self._place)
        else:
            key, inside.key = inside.key, _NO_KEY
            if key is _MERGE:
                inside.given += _merge_sources(value)
            else:
                if inside.admit is not None:
                    inside.admit(key)
                inside.value[key] = value

    def scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            if not event.implicit[0]:
                return event.value
            tag = self._loader.resolve(yaml.ScalarNode, event.value, (True, False))
        kind = tag.removeprefix(_TAG)
        if kind in _TEXTS:
            return event.value
        if kind not in ("null", "bool", "int", "float"):
            raise _refusal(f"the tag {tag[:60]!r} is not supported here", event)
        # In base 2 a number has the most letters.
        if len(event.value) > self.max_integer_bits:
            raise TooMuchYaml(f"not a number of at most {self.max_integer_bits:,} bits")
        try:
            value = getattr(self._loader, f"construct_yaml_{kind}")(yaml.ScalarNode(tag, event.value))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # `!!bool maybe` is a KeyError of the library, `!!int ""` an IndexError.
            raise ValueError(f"a value does not fit its tag: {error}") from error
        if type(value) is int and value.bit_length() > self.max_integer_bits:
            raise TooMuchYaml(f"not a number of at most {self.max_integer_bits:,} bits")
        return value


class YamlDocumentReader(YamlReader):
    """Reads what people write by hand: a key that stands twice in one object is a mistake, a `RepeatedKey`."""

    def note_key(self, places: dict[Any, tuple[int, int]], key: Any, place: tuple[int, int]) -> None:
        if (first := places.setdefault(key, place)) != place:
            raise RepeatedKey(str(key), first, place)


def _refusal(reason: str, event: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, reason, event.start_mark)


def _is_merge(event: Any) -> bool:
    return event.tag == f"{_TAG}merge" or (event.tag is None and event.implicit[0] and event.value == "<<")


def _merge_sources(value: Any) -> list[dict[Any, Any]]:
    """The objects of a merge key, the one that wins last."""
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise yaml.YAMLError("a merge key needs an object")
    return sources[::-1]


def load_yaml(raw: bytes | str, *, max_containers: int = MAX_CONTAINERS) -> Any:
    """The one document of a text that somebody wrote, with the errors of `YamlDocumentReader`."""
    return YamlDocumentReader(max_containers=max_containers).read(raw if isinstance(raw, str) else raw.decode())
