"""Tables as text: CSV with any usual delimiter. The first row is repeated wherever rows begin a chunk."""

import csv
import io
from collections.abc import Iterable, Iterator

from docs_store.extraction.errors import too_large
from docs_store.extraction.formats.decoding import text_of
from docs_store.extraction.limits import MOST_CELLS
from docs_store.extraction.parts import Block, Parts, Source, grouped

_DELIMITERS = ",;\t|"
_LOOKED_AT = 20
_LONGEST_FIELD = 1024 * 1024
_BETWEEN = " | "


def parts(source: Source) -> Parts:
    text = text_of(source)
    return Parts(grouped(rows(_rows(text, "\t" if source.suffix == "tsv" else _delimiter(text)))))


def rows(cells: Iterable[Iterable[str]]) -> Iterator[Block]:
    """Rows of a table as blocks; empty ones are left out."""
    header: str | None = None
    for row in cells:
        text = joined(row)
        if not text:
            continue
        if header is None:
            header = text
        yield Block(text, header=header)


def joined(cells: Iterable[str]) -> str:
    """A row on one line, without the empty cells at its end."""
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return _BETWEEN.join(texts)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield row[:MOST_CELLS]
    except csv.Error as error:
        raise too_large("A field of the table is too long") from error


def _delimiter(text: str) -> str:
    """The one that is in most of the first lines, and equally often in them."""
    lines = [line for line in text[:16_384].splitlines()[:_LOOKED_AT] if line.strip()]

    def fitness(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        return (counts.count(usual) if usual else 0, usual)

    return max(_DELIMITERS, key=fitness)
