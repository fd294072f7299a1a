"""Puts `***NAME***` where a secret would be shown: in texts, bytes, JSON, and texts that come in pieces.

All forms of all values are looked for at once, by automata that read a text once, whatever is in it.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from agents.vault.forms import SHORTEST_VALUE, Unescaped, forms_of
from julep_project.core.json_value import Json, leaves_of

# What stands where a value may not be seen that has no name.
MASK = "***"

# Of a longer form only its beginning is looked for, and what follows is hidden as far as it agrees. That bounds what a
# text made to be slow to read can cost.
_WINDOW = 64
# Values that begin alike: of more than these the rest is not compared.
_MOST_ALIKE = 4
# A text with more of them is hidden whole.
MOST_PLACES = 50_000
_SLICE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a form is. `is_open`: the text ends before the form does."""

    start: int
    end: int
    label: bytes
    is_open: bool = False


def label_of(name: str) -> str:
    """What stands in the place of the secret of this name."""
    return f"***{name}***"


class Masker:
    """Knows values, and what is shown instead of each. Threads may share it."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        """`labels` are what is shown by what is not; values of less than four characters are not hidden."""
        self._labels = dict(labels)

    @classmethod
    def of_secrets(cls, values: Mapping[str, str]) -> Self:
        """The one for secrets, given by name."""
        return cls({value: label_of(name) for name, value in values.items()})

    def and_secret(self, name: str, value: str) -> Self:
        """The one that knows this secret, too."""
        return type(self)({**self._labels, value: label_of(name)})

    def __bool__(self) -> bool:
        return bool(self._labels)

    def text(self, text: str) -> str:
        """The text without the values."""
        if not self._labels:
            return text
        content = text.encode("utf-8", "surrogatepass")
        masked = self.content(content)
        if masked is content:
            return text
        try:
            return masked.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # the end of what agrees may be within a character
            return masked.decode("utf-8", "replace")

    def excerpt(self, text: str) -> str:
        """The same for a text that was cut: what may be the beginning of a value goes from its end, too."""
        if not self._labels:
            return text
        whole, dots, _ = text.rpartition("...") if text.endswith("...") else (text, "", "")
        stream = MaskedStream(self)
        return stream.add(whole) + stream.beginning() + dots

    def content(self, content: bytes) -> bytes:
        """Bytes without the values; the same object if there is none in them."""
        found = self.find(content)
        return _replaced(content, found) if found else content

    def value(self, value: Json) -> Json:
        """JSON without the values, in keys and in numbers as well; the same object if there is none in it."""
        if not self._labels:
            return value
        texts = "\n".join(map(_written, leaves_of(value))).encode("utf-8", "surrogatepass")
        found = self._places(texts)
        if len(found) > MOST_PLACES:
            return found[0].label.decode()
        return self._masked(value) if found else value

    def find(self, content: bytes) -> list[_Found]:
        """Where the values are, from left to right, none inside another."""
        found = self._places(content)
        if len(found) > MOST_PLACES:
            return [_Found(0, len(content), found[0].label)]
        found.sort(key=lambda one: (one.start, -one.end))
        merged: list[_Found] = []
        for one in found:
            if merged and one.start < merged[-1].end:
                last = merged[-1]
                merged[-1] = _Found(last.start, max(last.end, one.end), last.label, last.is_open or one.is_open)
            else:
                merged.append(one)
        return merged

    def begins_with(self, content: bytes) -> bytes | None:
        """The label of a form that begins like this and goes on."""
        for automaton, text in zip(self._automata, (content, content.lower()), strict=True):
            label = automaton.label_of_beginning(text)
            if label is not None:
                return label
        return None

    def _places(self, content: bytes) -> list[_Found]:
        found = self._places_as_written(content)
        if b"%" in content:
            plain = Unescaped(content)
            moved = self._places_as_written(plain.content) if plain.has_any else []
            found += [replace(one, start=plain.origin(one.start), end=plain.origin(one.end)) for one in moved]
        return found

    def _places_as_written(self, content: bytes) -> list[_Found]:
        exact, lowered = self._automata
        return exact.find(content) + lowered.find(content.lower())

    def _masked(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key): self._masked(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._masked(part) for part in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = self.text(str(value))
            return value if shown == str(value) else shown
        return value

    @cached_property
    def _automata(self) -> "tuple[_Automaton, _Automaton]":
        exact: dict[bytes, bytes] = {}
        lowered: dict[bytes, bytes] = {}
        for value, label in self._labels.items():
            for form in forms_of(value):
                if form.in_any_case:
                    lowered.setdefault(form.content.lower(), label.encode())
                else:
                    exact.setdefault(form.content, label.encode())
        return _Automaton(exact), _Automaton(lowered)


NOTHING_HIDDEN = Masker({})


class MaskedStream:
    """A text that comes in pieces. What may be the beginning of a value is held back until more has come."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""

    def add(self, piece: str) -> str:
        """What may be told now."""
        if not self._masker:
            return piece
        content = self._held + piece.encode("utf-8", "surrogatepass")
        found = self._masker.find(content)
        cut = len(content)
        if found and found[-1].is_open:
            cut = found.pop().start
        else:
            begun = self._begun_at(content)
            if not (found and found[-1].start < begun < found[-1].end):
                cut = begun
                found = [one for one in found if one.start < cut]
        self._held = content[cut:]
        return _replaced(content[:cut], found).decode("utf-8", "surrogatepass")

    def end(self) -> str:
        """What was held back, and is no value after all."""
        held, self._held = self._held, b""
        return self._masker.text(held.decode("utf-8", "surrogatepass"))

    def beginning(self) -> str:
        """What is shown in the place of what is held back, where the text ends within a value."""
        held, self._held = self._held, b""
        if len(held) < SHORTEST_VALUE:
            return held.decode("utf-8", "surrogatepass")
        return (self._masker.begins_with(held) or MASK.encode()).decode()

    def _begun_at(self, content: bytes) -> int:
        for start in range(max(0, len(content) - _WINDOW + 1), len(content)):
            if self._masker.begins_with(content[start:]) is not None:
                return start
        return len(content)


class _Automaton:
    """Finds forms in one pass."""

    def __init__(self, labels: Mapping[bytes, bytes]) -> None:
        """`labels` are what is shown by form."""
        by_window: dict[bytes, dict[bytes, bytes]] = {}
        for content, label in labels.items():
            by_window.setdefault(content[:_WINDOW], {})[content[_WINDOW:]] = label
        self._windows = sorted(by_window)
        self._rests = [list(by_window[window].items())[:_MOST_ALIKE] for window in self._windows]
        self._search = BytesAhoCorasick(self._windows, matchkind=MatchKind.LeftmostLongest) if self._windows else None

    def find(self, content: bytes) -> list[_Found]:
        """From left to right; in slices, because each match is an object."""
        found: list[_Found] = []
        start, view = 0, memoryview(content)
        while self._search is not None and start < len(content) and len(found) <= MOST_PLACES:
            done, stop = start, start + _SLICE
            for number, first, last in self._search.find_matches_as_indexes(view[start : stop + _WINDOW]):
                if start + first >= stop or len(found) > MOST_PLACES:
                    break
                if start + first >= done:
                    one = self._extended(number, content, start + first, start + last)
                    found.append(one)
                    done = one.end
            start = max(done, stop)
        return found

    def label_of_beginning(self, text: bytes) -> bytes | None:
        """The label of a form that begins with the text, and is longer."""
        place = bisect_left(self._windows, text)
        for number in range(place, min(place + 2, len(self._windows))):
            window = self._windows[number]
            if window.startswith(text) and window != text:
                return self._rests[number][0][1]
        return None

    def _extended(self, number: int, content: bytes, start: int, end: int) -> _Found:
        """The whole place of a match."""
        length, is_open = 0, False
        rests = self._rests[number]
        label = rests[0][1]
        for rest, other in rests:
            if rest:
                agreed = _agreeing(rest, content, end)
                is_open = is_open or (end + agreed == len(content) and agreed < len(rest))
                if agreed > length:
                    length, label = agreed, other
        end += length
        return _Found(start, end, label, is_open)


def _agreeing(rest: bytes, content: bytes, place: int) -> int:
    """How far the content goes on like the rest. Takes time for what agrees only."""
    agreed, step = 0, _WINDOW
    while agreed < len(rest) and step:
        part = rest[agreed : agreed + step]
        if content[place + agreed : place + agreed + len(part)] == part:
            agreed += len(part)
            step *= 2
        else:
            step = min(step, len(part)) // 2
    return agreed


def _replaced(content: bytes, found: list[_Found]) -> bytes:
    parts: list[bytes] = []
    done = 0
    for one in found:
        parts += [content[done : one.start], one.label]
        done = one.end
    return b"".join([*parts, content[done:]])


def _written(leaf: Json) -> str:
    """A leaf as it can be searched."""
    return "" if leaf is None or isinstance(leaf, bool) else str(leaf)
