"""Rich text: paragraphs, and rows of tables as lines, without what is not in the text itself.

A file is a flat stream of control words, braces and characters. Of each open brace only is known whether what is in it
is shown, and how many characters stand in for one of Unicode.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from docs_store.extraction.errors import too_large
from docs_store.extraction.formats.plain import paragraphs
from docs_store.extraction.limits import MOST_TEXT
from docs_store.extraction.parts import Parts, Source, grouped

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})? ?|((?:\\'[0-9a-fA-F]{2})++)|\\(.)|([{}])|[\r\n]++|([^\\{}\r\n]++)", re.DOTALL
)
_BREAKS = {"par": "\n\n", "sect": "\n\n", "page": "\n\n", "line": "\n", "row": "\n\n", "cell": " | ", "tab": "\t"}
_CHARACTERS = {
    "bullet": "\u2022", "emdash": "\u2014", "endash": "\u2013", "emspace": "\u2003", "enspace": "\u2002",
    "ldblquote": "\u201c", "lquote": "\u2018", "rdblquote": "\u201d", "rquote": "\u2019",
}  # fmt: skip
_SYMBOLS = {b"\\": "\\", b"{": "{", b"}": "}", b"~": "\u00a0", b"_": "\u2011", b"\n": "\n\n", b"\r": "\n\n"}
_NOT_SHOWN = frozenset(
    {
        "annotation", "author", "colortbl", "fonttbl", "footer", "footerf", "footerl", "footerr", "footnote", "header",
        "headerf", "headerl", "headerr", "info", "listtable", "nonshppict", "objdata", "pict", "revtbl", "stylesheet",
    }
)  # fmt: skip
_DEEPEST = 1000
_END_OF_ROW = re.compile(r" \|[ \t]*\n")


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds between two braces."""

    is_shown: bool = True
    stand_ins: int = 1


def parts(source: Source) -> Parts:
    raw = source.content.read(MOST_TEXT + 1)
    if len(raw) > MOST_TEXT:
        raise too_large("The text is too long")
    text = _END_OF_ROW.sub("\n", "".join(_Reader().read(raw)))
    # Halves of a character are told one after the other.
    return Parts(grouped(paragraphs(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))))


class _Reader:
    def __init__(self) -> None:
        self._group = _Group()
        self._open: list[_Group] = []
        self._encoding = "cp1252"
        self._skipped = 0
        # Bytes of characters that may have several.
        self._bytes = bytearray()

    def read(self, raw: bytes) -> Iterator[str]:
        """The text, piece by piece."""
        for found in _TOKEN.finditer(raw):
            word, number, codes, symbol, brace, text = found.groups()
            if codes is not None:
                self._add(bytes.fromhex(codes.replace(b"\\'", b"").decode()))
                continue
            if text is not None:
                self._add(text)
                continue
            yield self._told()
            if brace is not None:
                self._brace(brace)
            elif word is not None:
                yield self._word(word.decode(), None if number is None else int(number))
            elif symbol == b"*":  # what follows is for programs that know it
                self._group = replace(self._group, is_shown=False)
            elif symbol is not None and self._group.is_shown:
                yield _SYMBOLS.get(symbol, "")
        yield self._told()

    def _add(self, text: bytes) -> None:
        left = text[self._skipped :]
        self._skipped = max(self._skipped - len(text), 0)
        if self._group.is_shown:
            self._bytes += left

    def _told(self) -> str:
        text, self._bytes = self._bytes.decode(self._encoding, "replace"), bytearray()
        return text

    def _brace(self, brace: bytes) -> None:
        self._skipped = 0
        if brace == b"}":
            self._group = self._open.pop() if self._open else self._group
            return
        if len(self._open) == _DEEPEST:
            raise too_large("It is nested too deep")
        self._open.append(self._group)

    def _word(self, word: str, number: int | None) -> str:
        if word in _NOT_SHOWN:
            self._group = replace(self._group, is_shown=False)
        elif word == "ansicpg" and number is not None:
            self._encoding = _encoding_of(number)
        elif word == "uc" and number is not None:
            self._group = replace(self._group, stand_ins=min(max(number, 0), 100))
        elif word == "bin" and number is not None:
            self._skipped = max(number, 0)
        elif word == "u" and number is not None:
            self._skipped = self._group.stand_ins
            return chr(number % 0x10000) if self._group.is_shown else ""
        elif self._group.is_shown:
            return _BREAKS.get(word) or _CHARACTERS.get(word) or ""
        return ""


def _encoding_of(page: int) -> str:
    name = "utf-8" if page == 65001 else f"cp{page}"
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name
