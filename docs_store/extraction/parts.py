"""What a format is read into: parts, each of them a page or a stretch of text, made of blocks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from docs_store.extraction.limits import PART_CHARACTERS


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph; a heading of this `level` from 1 on; or a row of a table that has this `header` (perhaps none)."""

    text: str
    level: int = 0
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What is read, and stored, at once.

    `read` gives the blocks. Where it does the work, what goes wrong in it costs this part only. `heading` stands in
    place of all headings before; None: those go on.
    """

    read: Callable[[], Sequence[Block]]
    page: int | None = None
    heading: str | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a file in order, and how many there are where that is known.

    `is_direct`: each can be read without those before.
    """

    each: Iterable[Part]
    count: int | None = None
    is_direct: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read: what its name ends with and its MIME type, as far as anybody said, are hints only."""

    content: BinaryIO
    suffix: str = ""
    mime_type: str = ""
    depth: int = 0


def grouped(blocks: Iterable[Block], *, page: int | None = None, heading: str | None = None) -> Iterator[Part]:
    """Blocks as parts of a size that is stored at once."""
    group: list[Block] = []
    size = 0
    for block in blocks:
        group.append(block)
        size += len(block.text)
        if size >= PART_CHARACTERS:
            yield Part(_giving(group), page, heading)
            group, size = [], 0
    if group:
        yield Part(_giving(group), page, heading)


def broken(error: Exception, *, page: int | None = None, heading: str | None = None) -> Part:
    """A part that cannot be read."""

    def fail() -> Sequence[Block]:
        raise error

    return Part(fail, page, heading)


def _giving(blocks: Sequence[Block]) -> Callable[[], Sequence[Block]]:
    return lambda: blocks
