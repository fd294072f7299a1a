"""Large values of branches: kept apart when a commit first meets them, referred to by every later one.

What a branch carries (the input of each frame, its names, what a step remembers, what it asks of the world) changes
little from commit to commit, but its row is written anew each time. A packed object says so by the key `$packed`; in
it an object with the one key `$blob` stands for a value. The workers of a version that knows no packed objects stop at
that key: it is no field of a frame. While such workers run, nothing is packed (`VALUES_APART_KB=0`); what is, is read
all the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings

from executions.blobs import LOOKS_LIKE_ONE, Blobs
from executions.stored_json import OMITTED, REFERENCE, is_reference
from julep_project.core.errors import ContentMissing
from julep_project.core.reading.jsontext import to_json_text

PACKED = "$packed"

_GONE = {OMITTED: "the stored content is not there any more"}
# Characters of a reference, or a little more.
_REFERENCE_SIZE = 150


class Contents:
    """The large values of one run that a message has met. Values are never changed, so an object is known again."""

    def __init__(self, execution_id: UUID) -> None:
        self._blobs = Blobs(execution_id)
        self._values: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._used: set[str] = set()

    # -- writing --------------------------------------------------------------------------------------------------

    def outlined(self, text: str) -> str:
        return self._blobs.outlined(text)

    def pack_stack(self, stack: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Frames as a row takes them."""
        return [self._pack(frame, whole=("input",), parts=("memory", "names")) for frame in stack]

    def pack_effect(self, effect: dict[str, Any]) -> dict[str, Any]:
        """An effect as a row takes it. The tool stays in it: statements look there for what it is declared to be."""
        request = effect["request"]
        packed = self._pack(request, parts=[name for name in request if name != "tool"])
        return effect if packed is request else {**effect, "request": packed}

    def pack_event(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event as a row takes it."""
        return self._pack(event, whole=("value",)) if "value" in event else event

    def pack_state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """New values of the run's store. There is no key to say that some are references: all that look so are."""
        if not is_packing():
            return dict(state)
        return {key: self._replaced(value) for key, value in state.items()}

    def write(self) -> None:
        """Write what packing left to be written, and forget the values that were not met since the last time."""
        self._blobs.write()
        self._values = {name: value for name, value in self._values.items() if name in self._used}
        self._names = {id(value): name for name, value in self._values.items()}
        self._used = set()

    def _pack(self, given: dict[str, Any], *, whole: Sequence[str] = (), parts: Sequence[str] = ()) -> dict[str, Any]:
        """The object itself when nothing in it is large. `parts` are looked into for what is."""
        if not is_packing() or not any(self._is_large(given[name]) for name in (*whole, *parts)):
            return given
        packed = {name: self._replaced(given[name]) for name in whole}
        packed |= {name: self._replaced(given[name], apart=True) for name in parts}
        return {**given, **packed, PACKED: True}

    def _is_large(self, value: Any) -> bool:
        if not isinstance(value, str | list | dict):
            return False
        return id(value) in self._names or self._has_known(value) or len(to_json_text(value)) > _largest()

    def _has_known(self, value: Any) -> bool:
        """Whether a part of it is known to be large, which spares writing it out to see."""
        return bool(self._names) and isinstance(value, dict) and any(id(part) in self._names for part in value.values())

    def _replaced(self, value: Any, *, apart: bool = False) -> Any:
        """The value, or what stands for it; `apart`: or the value with such replacements in it."""
        if not isinstance(value, str | list | dict):
            return value
        name = self._names.get(id(value))
        if name is not None:
            self._used.add(name)
            return {REFERENCE: name}
        parted = self._parted(value) if apart and self._is_large(value) else None
        if parted is not None:
            return parted
        text = to_json_text(value)
        return value if len(text) <= _largest() and LOOKS_LIKE_ONE not in text else self._reference(value, text)

    def _parted(self, value: Any) -> Any:
        """The value with its large parts replaced; None when they are not what makes it large."""
        if isinstance(value, str) or is_reference(value):
            return None
        left = _largest() - (sum(map(len, value)) if isinstance(value, dict) else 0)
        for part in value.values() if isinstance(value, dict) else value:
            left -= _REFERENCE_SIZE if self._is_large(part) else len(to_json_text(part))
            if left < 0:
                return None
        if isinstance(value, list):
            return [self._replaced(item, apart=True) for item in value]
        return {key: self._replaced(item, apart=True) for key, item in value.items()}

    def _reference(self, value: Any, text: str) -> dict[str, str]:
        name = self._blobs.keep(text)
        self._know(name, value)
        self._used.add(name)
        return {REFERENCE: name}

    def _know(self, name: str, value: Any) -> None:
        # Only an object that is kept alive is known by its id.
        self._names.pop(id(self._values.get(name)), None)
        self._values[name] = value
        self._names[id(value)] = name

    # -- reading --------------------------------------------------------------------------------------------------

    def unpack_stack(self, stack: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The frames of a row with their values.

        Raises:
            StorageUnavailable: a value cannot be read now.
            ContentMissing: a value is not there any more.
        """
        return [self._unpacked(frame) for frame in stack]

    def unpack_what_is_left(self, stack: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same for a branch that is to fail because values are gone: an object that says so stands for each."""
        frames = [unmarked(frame) for frame in stack]
        for name in {name for frame in frames for name in _references(frame)}:
            with suppress(ContentMissing):
                self._read([name])
        return [self._resolved(frame) for frame in frames]

    def unpack_effect(self, effect: dict[str, Any]) -> dict[str, Any]:
        """The effect of a row with its values. Raises as `unpack_stack`."""
        return {**effect, "request": self._unpacked(effect["request"])}

    def unpack_event(self, event: dict[str, Any] | None) -> dict[str, Any] | None:
        """The event of a row with its value. Raises as `unpack_stack`."""
        return None if event is None else self._unpacked(event)

    def unpack_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """The run's store with its values; a user's object that only looks like a reference stays what it is."""
        names = {key: str(value[REFERENCE]) for key, value in state.items() if is_reference(value)}
        self._read(names.values())
        return {key: self._values.get(names[key], value) if key in names else value for key, value in state.items()}

    def _unpacked(self, stored: dict[str, Any]) -> dict[str, Any]:
        if PACKED not in stored:
            return stored
        given = unmarked(stored)
        names = set(_references(given))
        self._read(names)
        missing = names - self._values.keys()
        if missing:
            raise ContentMissing(f"A stored value is not there any more: {missing.pop()}")
        unpacked: dict[str, Any] = self._resolved(given)
        return unpacked

    def _read(self, names: Iterable[str]) -> None:
        unknown = [name for name in names if name not in self._values]
        if unknown:
            for name, value in self._blobs.read(unknown).items():
                self._know(name, value)

    def _resolved(self, value: Any) -> Any:
        if is_reference(value):
            return self._values.get(value[REFERENCE], _GONE)
        if isinstance(value, dict):
            return {name: self._resolved(item) for name, item in value.items()}
        return [self._resolved(item) for item in value] if isinstance(value, list) else value


def is_packing() -> bool:
    """Whether values are kept apart. No, while workers run that would not understand it."""
    return bool(settings.VALUES_APART_KB)


def _largest() -> int:
    """Characters of JSON that stay in a row."""
    return int(settings.VALUES_APART_KB) * 1024


def unmarked(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A packed object without the key that says so; its references stay."""
    return {name: value for name, value in stored.items() if name != PACKED}


def _references(value: Any) -> Iterator[str]:
    if is_reference(value):
        yield value[REFERENCE]
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item)
