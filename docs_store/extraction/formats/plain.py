"""Plain text: paragraphs between empty lines."""

from collections.abc import Iterator

from docs_store.extraction.formats.decoding import text_of
from docs_store.extraction.parts import Block, Parts, Source, grouped


def parts(source: Source) -> Parts:
    return Parts(grouped(paragraphs(text_of(source))))


def paragraphs(text: str) -> Iterator[Block]:
    """The paragraphs of a text."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip():
            lines.append(line.rstrip())
        elif lines:
            yield Block("\n".join(lines))
            lines = []
    if lines:
        yield Block("\n".join(lines))
