"""Text of strangers, made harmless: what cannot be seen or moves what is around it is shown as what it is."""

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

# What a page shows of one text unless it is asked for all of it.
LONGEST = 2048

_KEPT = "\n\t"
# Format characters (bidi among them), controls, surrogates, private use, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# What joins emoji and letters of some scripts is no danger beside a letter, and breaks words when it is taken out.
_JOINERS = "\u200c\u200d\ufe0f"


class Piece(NamedTuple):
    """A part of a text; `is_mark` tells that it stands for a character nobody would see."""

    text: str
    is_mark: bool


def pieces(text: str) -> Iterator[Piece]:
    """The text with marks such as `⟪U+202E⟫` in the place of what is not seen."""
    start = 0
    for place, character in enumerate(text):
        if character.isprintable() or character in _KEPT or character in _JOINERS:
            continue
        if unicodedata.category(character) not in _UNSEEN:
            continue
        if start < place:
            yield Piece(text[start:place], False)
        yield Piece(f"⟪U+{ord(character):04X}⟫", True)
        start = place + 1
    if start < len(text):
        yield Piece(text[start:], False)


def visible(text: str) -> str:
    """The same as one text."""
    return "".join(piece.text for piece in pieces(text))


def cut(text: str, most: int = LONGEST) -> tuple[str, int]:
    """The beginning of the text, and how many characters were left away. No character is taken apart."""
    return (text, 0) if len(text) <= most else (text[:most], len(text) - most)
