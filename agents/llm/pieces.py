"""The pieces an answer arrives in, and what makes them whole: halves of characters, thoughts between tags, and an order
in which nothing begins before what came before it is over."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, NamedTuple

from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_storable

NO_ARGUMENTS = "{}"
# What matters to where JSON ends: brackets, quotes, and characters that are escaped.
_MARKS = re.compile(r'\\.|["{}\[\]\\]', re.DOTALL)
_TAGS = {"<think>": "</think>", "<thinking>": "</thinking>"}


class Characters:
    """Text as it can be stored, though a character may come in two halves, one at the end of a piece."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """The characters that are whole."""
        text, self._half = self._half + piece, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return to_storable(text)

    def end(self) -> str:
        """What is left of a half."""
        return to_storable(self._half)


class Brackets:
    """Whether some JSON that arrives in pieces, an object or a list, is closed."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = self._is_escaped = self._has_begun = False

    def feed(self, piece: str) -> None:
        """Look at one more piece."""
        start = 1 if self._is_escaped and piece else 0
        self._is_escaped = self._is_escaped and not piece
        for found in _MARKS.finditer(piece, start):
            mark = found[0]
            if mark == '"':
                self._in_text = not self._in_text
            elif mark == "\\":
                self._is_escaped = True
            elif not self._in_text and len(mark) == 1:
                self._depth += 1 if mark in "{[" else -1
                self._has_begun = self._has_begun or self._depth > 0

    @property
    def are_closed(self) -> bool:
        """Whether all that was opened is."""
        return self._has_begun and self._depth <= 0 and not self._in_text


def closing_bracket(text: str, start: int) -> int | None:
    """Where what opens at the start is closed; None if it never is."""
    depth, in_text = 0, False
    for found in _MARKS.finditer(text, start):
        mark = found[0]
        if mark == '"':
            in_text = not in_text
        elif not in_text and len(mark) == 1 and mark != "\\":
            depth += 1 if mark in "{[" else -1
            if depth == 0:
                return found.end()
    return None


@dataclass(slots=True)
class ArrivingCall:
    """A call of a tool, while its arguments arrive. `given_id` is the provider's, which need not be one of its own."""

    id: str
    given_id: str
    name: str
    type: str
    index: int = 0
    is_closed: bool = False
    """Something else was told after it."""
    pieces: list[str] = field(default_factory=list)
    characters: Characters = field(default_factory=Characters)
    brackets: Brackets = field(default_factory=Brackets)

    @property
    def arguments(self) -> str:
        """As far as they came."""
        return "".join(self.pieces)

    def whole(self) -> dict[str, Json]:
        """The call, as far as it came."""
        function = {"name": self.name, "arguments": self.arguments or NO_ARGUMENTS}
        return {"id": self.id, "type": self.type, "function": function}

    def add(self, arguments: str) -> None:
        """Take more of its arguments."""
        self.pieces.append(arguments)
        self.brackets.feed(arguments)

    @property
    def is_over(self) -> bool:
        """Whether its arguments are complete, as far as one can tell."""
        return self.brackets.are_closed


class Piece(NamedTuple):
    """Something new in an answer: more of its text, of a refusal, its thoughts or a call's arguments, or that a call
    begins."""

    kind: Literal["thought", "text", "refusal", "call", "arguments"]
    text: str
    call: ArrivingCall | None = None


class TaggedThoughts:
    """Tells apart the thoughts that some models write between tags before their text."""

    def __init__(self) -> None:
        self._read: Callable[[str], Iterator[Piece]] = self._start
        self._spaces: list[str] = []
        self._held = ""
        self._closing = ""

    def feed(self, text: str) -> Iterator[Piece]:
        """The pieces in some more text."""
        return self._read(text)

    def end(self) -> Iterator[Piece]:
        """What was held back."""
        held = "".join(self._spaces) + self._held
        self._spaces, self._held = [], ""
        return _said("thought" if self._read == self._inside else "text", held)

    def _start(self, text: str) -> Iterator[Piece]:
        """White space may come before the tag."""
        text = self._held + text
        begun = text.lstrip()
        self._spaces.append(text[: len(text) - len(begun)])
        self._held = ""
        opening = next((tag for tag in _TAGS if begun.startswith(tag)), None)
        if opening is not None:
            self._spaces, self._closing, self._read = [], _TAGS[opening], self._inside
            yield from self._inside(begun[len(opening) :])
        elif any(tag.startswith(begun) for tag in _TAGS):
            self._held = begun
        else:
            spaces, self._spaces, self._read = "".join(self._spaces), [], _text
            yield from _text(spaces + begun)

    def _inside(self, text: str) -> Iterator[Piece]:
        thought, tag, rest = (self._held + text).partition(self._closing)
        self._held = ""
        if tag:
            self._read = self._after
            yield from _said("thought", thought)
            yield from self._after(rest)
            return
        sizes = range(len(self._closing) - 1, 0, -1)
        kept = next((size for size in sizes if thought.endswith(self._closing[:size])), 0)
        self._held = thought[len(thought) - kept :]
        yield from _said("thought", thought[: len(thought) - kept])

    def _after(self, text: str) -> Iterator[Piece]:
        """White space between the thoughts and the text belongs to neither."""
        begun = text.lstrip()
        if begun:
            self._read = _text
            yield from _text(begun)


def _text(text: str) -> Iterator[Piece]:
    return _said("text", text)


def _said(kind: Literal["text", "thought"], text: str) -> Iterator[Piece]:
    if text:
        yield Piece(kind, text)


def without_thoughts(text: str) -> tuple[str, str]:
    """A whole text without the thoughts between tags at its beginning, and those."""
    tagged = TaggedThoughts()
    pieces = [*tagged.feed(text), *tagged.end()]
    said = {kind: "".join(piece.text for piece in pieces if piece.kind == kind) for kind in ("text", "thought")}
    return said["text"], said["thought"]


class Order:
    """Puts pieces into an order in which nothing begins before what came before it is over, and no call without its
    name. What comes too early waits."""

    def __init__(self) -> None:
        self._waiting: list[Piece] = []
        self._open: ArrivingCall | None = None

    def take(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Those that may be told now."""
        return [piece for piece in pieces if self._tells(piece)]

    def named(self) -> list[Piece]:
        """What may be told now that a call has its name."""
        waiting, self._waiting = self._waiting, []
        return self.take(waiting)

    def end(self, calls: Iterable[ArrivingCall]) -> list[Piece]:
        """All that waits, one thing after the other. Calls of no arguments are told so."""
        told = list(self._finished(self._open, ()))
        waiting = self._waiting
        self._waiting, self._open = [], None
        order = {id(call): number for number, call in enumerate(calls)}
        # The pieces of a call together, at the place of its first; a sort keeps the order of all others.
        places: dict[int, int] = {}
        for number, piece in enumerate(waiting):
            if piece.call is not None:
                places.setdefault(order[id(piece.call)], number)
        numbered = [
            (number if piece.call is None else places[order[id(piece.call)]], piece)
            for number, piece in enumerate(waiting)
        ]
        numbered.sort(key=lambda one: one[0])
        for _, group in groupby(numbered, key=lambda one: one[0]):
            members = [piece for _, piece in group]
            told += self._finished(members[0].call, members)
        return told

    def _tells(self, piece: Piece) -> bool:
        if piece.call is not None and piece.call is self._open:
            return True
        is_nameless = piece.call is not None and not piece.call.name
        if self._waiting or is_nameless or not (self._open is None or self._open.is_over):
            self._waiting.append(piece)
            return False
        if self._open is not None:
            self._open.is_closed = True
        self._open = piece.call
        return True

    @staticmethod
    def _finished(call: ArrivingCall | None, pieces: Iterable[Piece]) -> Iterator[Piece]:
        yield from pieces
        if call is not None and not call.pieces:
            call.add(NO_ARGUMENTS)
            yield Piece("arguments", NO_ARGUMENTS, call)
