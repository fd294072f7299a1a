"""YAML, read event by event so that every node is paid for before it exists.

The library's own constructor would follow merge keys and aliases without a bound. Here an alias costs as much as the
nodes it stands for, merge keys are copied with a charge, tags other than the plain ones are refused, and dates stay
text, because a date could not be stored.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from julep_project.core.reading.yaml_loader import has_many_directives
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.keys import Keys, merged
from tasks.expressions.limits import MAX_DATA_DEPTH, Budget
from tasks.expressions.measure import measure
from tasks.expressions.operators import check_integer_bits
from tasks.expressions.values import Value, fail

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_EVENT_COST = 15
_DUMP_COST = 60
_PREFIX = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_PREFIX + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp"))
_MERGE = object()
_MAX_NUMBER = 600


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Writes shared parts out instead of naming them."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def load_yaml_text(budget: Budget, text: str) -> Value:
    """The single document of a text."""
    if has_many_directives(text):
        raise LimitExceeded("the text has too many YAML directives")
    try:
        loader = _Loader(text)
    except (yaml.YAMLError, UnicodeError) as error:
        fail("ValueError", f"the text is not YAML: {_first_line(error)}")
    try:
        return _Builder(loader, budget).document()
    except yaml.YAMLError as error:
        fail("ValueError", f"the text is not YAML: {_first_line(error)}")
    finally:
        loader.dispose()


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


class _Builder:
    def __init__(self, loader: Any, budget: Budget) -> None:
        self.loader = loader
        self.budget = budget
        self.events: Iterator[Any] = iter(loader.get_event, None)
        self.anchors: dict[str, Value] = {}
        self.scalars = yaml.SafeLoader("")

    def next(self) -> Any:
        self.budget.charge(_EVENT_COST)
        return next(self.events)

    def document(self) -> Value:
        self.next()
        event = self.next()
        if isinstance(event, yaml.StreamEndEvent):
            return None
        value = self.node(self.next(), 0)
        self.next()
        if not isinstance(self.next(), yaml.StreamEndEvent):
            fail("ValueError", "the text has more than one YAML document")
        return value

    def node(self, event: Any, depth: int, *, is_key: bool = False) -> Value:
        if depth > MAX_DATA_DEPTH:
            raise LimitExceeded(f"values may be nested at most {MAX_DATA_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                fail("ValueError", f"the text is not YAML: unknown alias {event.anchor!r}")
            value = self.anchors[event.anchor]
            self.budget.grow(measure(value, self.budget))
            return value
        self.budget.grow(96)
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event, is_key=is_key)
        elif isinstance(event, yaml.SequenceStartEvent):
            self.check_tag(event.tag)
            value = self.sequence(depth)
        else:
            self.check_tag(event.tag)
            value = self.mapping(depth)
        if event.anchor:
            self.anchors[event.anchor] = value
        return value

    def check_tag(self, tag: str | None) -> None:
        if tag is not None and tag not in _PLAIN_TAGS and tag != "!":
            fail("ValueError", f"the YAML tag {tag[:60]} is not supported")

    def sequence(self, depth: int) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return items

    def mapping(self, depth: int) -> dict[Value, Value]:
        items: dict[Value, Value] = {}
        keys = Keys(self.budget, items)
        given: list[dict[Value, Value]] = []
        self.budget.grow(232)
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self.node(event, depth + 1, is_key=True)
            value = self.node(self.next(), depth + 1)
            if key is _MERGE:
                given += self.merge_sources(value)
                continue
            if isinstance(key, list | dict):
                fail("ValueError", "a YAML key must be a plain value")
            keys.admit(key)
            items[key] = value
        # What is named first wins, and the object's own keys win over all; `merged` lets the last one win.
        return merged([*reversed(given), items], self.budget) if given else items

    def merge_sources(self, value: Value) -> list[dict[Value, Value]]:
        sources = value if isinstance(value, list) else [value]
        for source in sources:
            if not isinstance(source, dict):
                fail("ValueError", "a YAML merge key needs an object")
        return sources

    def scalar(self, event: Any, *, is_key: bool) -> Value:
        text = event.value
        self.budget.grow(4 * len(text))
        tag = event.tag
        if tag is None or tag == "!":
            if not event.implicit[0]:
                return text
            tag = self.scalars.resolve(  # type: ignore[no-untyped-call]
                yaml.ScalarNode, text, (True, False)
            )
        if tag == f"{_PREFIX}merge" and is_key:
            return _MERGE
        if tag in (f"{_PREFIX}merge", f"{_PREFIX}value"):
            return text
        self.check_tag(tag)
        return self.typed(tag.removeprefix(_PREFIX), text)

    def typed(self, kind: str, text: str) -> Value:
        if kind not in ("null", "bool", "int", "float"):
            return text
        if len(text) > _MAX_NUMBER:
            raise LimitExceeded(f"a number may have at most {_MAX_NUMBER} characters")
        node = yaml.ScalarNode(f"{_PREFIX}{kind}", text)
        value = getattr(self.scalars, f"construct_yaml_{kind}")(node)
        if type(value) is int:
            check_integer_bits(value.bit_length())
        return value


def dump_yaml_text(budget: Budget, plain: Value, *, depth: int, **options: Any) -> str:
    """Plain JSON as YAML text."""
    before = budget.fuel
    size = measure(plain, budget)
    elements = before - budget.fuel
    budget.charge(_DUMP_COST * elements)
    budget.grow_text(size + elements * depth * (options.get("indent") or 2))
    text = yaml.dump(plain, Dumper=_Dumper, **options)
    budget.grow_text(len(text))
    return str(text)
