"""Cuts what was read into chunks: along headings, paragraphs and rows, and never across pages."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docs_store.extraction.limits import (
    CHUNK_CHARACTERS,
    DEEPEST_HEADING,
    LEAST_CHUNK_CHARACTERS,
    LONGEST_HEADING,
    LONGEST_TABLE_HEADER,
)
from docs_store.extraction.parts import Block

# Where a long paragraph is cut, the best first: lines, sentences, clauses, words.
_ENDS = ("\n", ". ", "! ", "? ", "。", "！", "？", "; ", ", ", "、", " ")
# An end earlier than this share of a piece leaves too small a piece.
_EARLIEST = 0.5
_JOINT = " > "
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk, and where in the file it stands."""

    text: str
    page: int | None = None
    heading: str = ""

    def to_json(self) -> dict[str, Any]:
        place: dict[str, Any] = {}
        if self.page is not None:
            place["page"] = self.page
        if self.heading:
            place["heading"] = self.heading
        return {"text": self.text, "place": place}


class Chunker:
    """Takes the parts of a file in order. Headings hold from part to part, texts do not.

    A chunk has up to `size` characters; of each but the first of a part, up to `overlap` are the last ones of the chunk
    before.
    """

    def __init__(self, size: int = CHUNK_CHARACTERS, *, overlap: int = 0) -> None:
        self._longest = size - overlap
        self._least = min(LEAST_CHUNK_CHARACTERS, self._longest // 2)
        self._overlap = overlap
        self._before = ""
        self._headings: list[tuple[int, str]] = []
        self._after_row = False
        self._begin()

    def cut(self, blocks: Sequence[Block], *, page: int | None, heading: str | None) -> list[Cut]:
        """The chunks of one part."""
        if heading is not None:
            self._headings = [(0, _short(heading))] if heading.strip() else []
        chunks: list[Cut] = []
        self._before = ""
        self._begin()
        for block in blocks:
            chunks += self._add(block, page)
        return chunks + self._close(page)

    def _add(self, block: Block, page: int | None) -> Iterator[Cut]:
        text = cleaned(block.text)
        if not text:
            return
        if block.level:
            if self._size >= self._least:
                yield from self._close(page)
            self._enter(block.level, text)
        for piece in pieces(text, self._longest):
            if self._size + len(piece) > self._longest:
                yield from self._close(page)
            self._put(piece, block)

    def _enter(self, level: int, text: str) -> None:
        level = min(level, DEEPEST_HEADING)
        self._headings = [outer for outer in self._headings if outer[0] < level] + [(level, _short(text))]
        if not self._texts:
            self._heading = self._path()

    def _put(self, piece: str, block: Block) -> None:
        is_row = block.header is not None
        # Cut before it is cleaned: it comes with each row, and may be as long as the file.
        header = cleaned((block.header or "")[:LONGEST_TABLE_HEADER])
        if not self._texts:
            self._heading = self._path()
            if header and header != piece:
                self._texts.append(header)
                self._size += len(header)
        elif not (is_row and self._after_row):
            self._texts.append("")
        self._texts.append(piece)
        self._size += len(piece) + 1
        self._after_row = is_row

    def _close(self, page: int | None) -> list[Cut]:
        text = "\n".join(self._texts).strip()
        heading = self._heading
        self._begin()
        if not text:
            return []
        begun = self._before
        self._before = _end_of(text, self._overlap)
        return [Cut(f"{begun}\n{text}" if begun else text, page, heading)]

    def _begin(self) -> None:
        self._texts: list[str] = []
        self._size = 0
        self._after_row = False
        self._heading = self._path()

    def _path(self) -> str:
        return _JOINT.join(text for _, text in self._headings)[: 2 * LONGEST_HEADING].rstrip()


def pieces(text: str, size: int = CHUNK_CHARACTERS) -> Iterator[str]:
    """The text in pieces of no more than so many characters, cut where it hurts least."""
    start = 0
    while len(text) - start > size:
        end = _end(text, start, size)
        yield text[start:end].strip()
        start = end
    if rest := text[start:].strip():
        yield rest


def _end(text: str, start: int, size: int) -> int:
    earliest = start + int(size * _EARLIEST)
    for mark in _ENDS:
        found = text.rfind(mark, earliest, start + size)
        if found >= 0:
            return found + len(mark)
    end = start + size
    while end > earliest and unicodedata.combining(text[end]):
        end -= 1
    return end


def _end_of(text: str, size: int) -> str:
    """The last words of a text, of no more than so many characters."""
    if len(text) <= size:
        return text
    end = text[len(text) - size :] if size else ""
    words = re.split(r"\s+", end, maxsplit=1)
    return (words[1] if len(words) > 1 else end).strip()


def cleaned(text: str) -> str:
    """The text as it can be stored: no control characters but line ends and tabs, no halves of surrogate pairs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\v", "\n")
    text = _NOT_TEXT.sub("", text).strip("\n").rstrip()
    return text if text.strip() else ""


def _short(text: str) -> str:
    return " ".join(cleaned(text).split())[:LONGEST_HEADING].rstrip()
