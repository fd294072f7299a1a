"""What the check of a value against a JSON Schema may cost."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import regex

from julep_project.core.schemas.schema_references import UnusableSchema

# Units are some four microseconds each.
MAX_EFFORT = 150_000
# Keywords within each other: each takes several calls of the interpreter, which ends at a thousand.
MAX_NESTING = 220
# A backstop, should units take longer than thought.
MAX_SECONDS = 1.0
MAX_PATTERN = 1_000
MAX_REPEATS = 100_000
# What has to be there so many times the pattern package writes out when it compiles, and holds up all threads.
MAX_COPIES = 20_000
_PATTERN_S = 0.25
_UNITS_BETWEEN_LOOKS = 256
_CHARACTERS_PER_UNIT = 200
_COUNTED = regex.compile(r"\{(\d{1,9}),?(\d{0,9})\}")


class SchemaEffort:
    """What is left for one check."""

    def __init__(self, checked: str, *, most: int = MAX_EFFORT, until: float | None = None) -> None:
        self.nesting = 0
        # By schema and place; they keep both alive, so that an id stays what it is.
        self.validators: dict[tuple[int, int], Any] = {}
        self._checked = checked
        self._left = most
        self._next_look = most - _UNITS_BETWEEN_LOOKS
        deadline = time.thread_time() + MAX_SECONDS
        self._deadline = deadline if until is None else min(until, deadline)
        self._sizes: dict[int, int] = {}

    @property
    def left(self) -> int:
        """The units that are left."""
        return max(self._left, 0)

    def spend(self, units: int) -> None:
        """Count work, before it is done where that can be known.

        Raises:
            UnusableSchema: there was too much.
        """
        self._left -= units
        if self._left < self._next_look:
            self._look()

    def _look(self) -> None:
        if self._left < 0 or time.thread_time() > self._deadline:
            raise UnusableSchema(f"checking the {self._checked} takes too much work")
        self._next_look = self._left - _UNITS_BETWEEN_LOOKS

    def spend_text(self, characters: int) -> None:
        """Count one pass over a text."""
        self.spend(1 + characters // _CHARACTERS_PER_UNIT)

    def spend_size(self, value: Any) -> None:
        """Count one walk over a part of the schema or the value."""
        if isinstance(value, str):
            self.spend_text(len(value))
        elif isinstance(value, Mapping | list):
            size = self._sizes.get(id(value))
            if size is None:
                size = self._sizes[id(value)] = _size(value)
            self.spend(1 + size // 8)
        else:
            self.spend(1)

    def enter(self) -> None:
        """Go one keyword deeper.

        Raises:
            UnusableSchema: too deep.
        """
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise too_deep(self._checked)

    def matches(self, pattern: str, text: str) -> bool:
        """Whether the pattern is found in the text.

        Raises:
            UnusableSchema: the pattern is too large, or takes too long.
        """
        self.spend(1 + _weight(pattern) // 100)
        self.spend_text(len(text))
        try:
            found = regex.search(pattern, text, timeout=_PATTERN_S, concurrent=True)
        except TimeoutError:
            raise UnusableSchema("matching a pattern takes too long") from None
        self._look()
        return found is not None


class SharedEffort:
    """What is left for several checks together; each of them has its own bounds as well."""

    def __init__(self, units: int, seconds: float) -> None:
        self.left = units
        self.until = time.thread_time() + seconds

    @property
    def is_over(self) -> bool:
        """Whether nothing is left for another check."""
        return self.left <= 0 or time.thread_time() > self.until


_effort: ContextVar[SchemaEffort] = ContextVar("json_schema_effort")
_shared: ContextVar[SharedEffort | None] = ContextVar("json_schema_shared_effort", default=None)


def effort() -> SchemaEffort:
    return _effort.get()


@contextmanager
def limited_effort(checked: str) -> Iterator[None]:
    """One check, of a "value" or a "schema"."""
    shared = _shared.get()
    if shared is None:
        left = SchemaEffort(checked)
    else:
        left = SchemaEffort(checked, most=min(MAX_EFFORT, shared.left), until=shared.until)
    before = left.left
    token = _effort.set(left)
    try:
        yield
    finally:
        _effort.reset(token)
        if shared is not None:
            shared.left -= before - left.left


@contextmanager
def shared_effort(units: int, seconds: float) -> Iterator[SharedEffort]:
    """All checks within, together. The seconds are a backstop, as those of one check are."""
    shared = SharedEffort(units, seconds)
    token = _shared.set(shared)
    try:
        yield shared
    finally:
        _shared.reset(token)


def too_deep(checked: str) -> UnusableSchema:
    """The error, whether it was counted or the interpreter noticed."""
    return UnusableSchema(f"the {checked} is nested too deep")


def check_pattern(pattern: str) -> None:
    """Refuse what could not be applied.

    Raises:
        UnusableSchema: too large.
        regex.error: not a pattern.
    """
    _weight(pattern)
    regex.compile(pattern)


def _weight(pattern: str) -> int:
    repeats = copies = 1
    if len(pattern) <= MAX_PATTERN:
        for low, high in _COUNTED.findall(pattern):
            repeats *= max(int(high or low), 1)
            copies *= max(int(low), 1)
    if len(pattern) > MAX_PATTERN or repeats > MAX_REPEATS or copies > MAX_COPIES:
        raise UnusableSchema(f"the pattern {pattern[:100]!r} is too large")
    return len(pattern) + repeats


def _size(value: Any) -> int:
    size = 0
    stack = [value]
    while stack:
        item = stack.pop()
        size += 1
        if isinstance(item, Mapping):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str):
            size += len(item) // _CHARACTERS_PER_UNIT
    return size
