"""HTML: what is to be read of a page, by the tags that structure it.

Tags are events, not a tree: a page may be as deep as it likes.
"""

from collections.abc import Iterator

from lxml import etree

from docs_store.extraction.errors import damaged
from docs_store.extraction.formats.decoding import text_of
from docs_store.extraction.formats.table import joined
from docs_store.extraction.parts import Block, Parts, Source, grouped

_HEADINGS = {f"h{level}": level for level in range(1, 7)} | {"title": 1}
_HIDDEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object", "select", "canvas"})
_PARAGRAPHS = frozenset(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hr li main nav ol p pre section summary table tbody tfoot thead ul".split()
)
_CELLS = frozenset({"td", "th"})


def parts(source: Source) -> Parts:
    return Parts(grouped(blocks(text_of(source, declares=True))))


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page."""
    reader = _Reader()
    parser = etree.HTMLParser(target=reader, encoding="utf-8", no_network=True, huge_tree=True)
    if raw := text.encode("utf-8", "replace"):
        try:
            etree.fromstring(raw, parser)
        except etree.XMLSyntaxError as error:  # there is nothing but comments
            if reader.blocks:
                raise damaged("The page", error) from error
    yield from reader.blocks


class _Reader:
    """Listens to the parser."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._texts: list[str] = []
        self._level = 0
        self._hidden = ""
        self._hides = 0
        self._pre = 0
        self._cells: list[str] | None = None
        self._header: str | None = None

    def start(self, tag: str, _: object) -> None:
        if self._hidden:
            self._hides += tag == self._hidden
        elif tag in _HIDDEN:
            self._hidden, self._hides = tag, 1
        elif tag in _HEADINGS:
            self.flush()
            self._level = _HEADINGS[tag]
        elif tag == "br":
            self._texts.append("\n")
        elif tag == "tr":
            self._end_row()
            self._cells = []
        elif tag in _CELLS:
            self._end_cell()
        elif self._cells is not None and tag in _PARAGRAPHS and tag != "table":
            self._texts.append(" ")
        elif tag in _PARAGRAPHS:
            self._begin(tag)

    def end(self, tag: str) -> None:
        if self._hidden:
            self._hides -= tag == self._hidden
            if not self._hides:
                self._hidden = ""
        elif tag in _HEADINGS:
            self.flush()
        elif tag in _CELLS:
            self._end_cell()
        elif tag in ("tr", "table"):
            self._end_row()
            if tag == "table":
                self._header = None
        elif self._cells is None and tag in _PARAGRAPHS:
            self.flush()
            self._pre -= tag == "pre" and self._pre > 0

    def data(self, data: str) -> None:
        if not self._hidden:
            self._texts.append(data if self._pre else _squeezed(data))

    def comment(self, _: str) -> None:
        """It is not to be read."""

    def close(self) -> None:
        self.flush()

    def flush(self) -> None:
        """End the block."""
        text = "".join(self._texts)
        self._texts = []
        level, self._level = self._level, 0
        text = text.strip("\n") if self._pre else "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if text.strip() and text != "-":
            self.blocks.append(Block(text, level=level))

    def _begin(self, tag: str) -> None:
        self.flush()
        self._pre += tag == "pre"
        if tag == "li":
            self._texts.append("- ")
        if tag == "table":
            self._end_row()
            self._header = None

    def _end_cell(self) -> None:
        if self._cells is None:
            return
        text = " ".join("".join(self._texts).split())
        self._texts = []
        if text:
            self._cells.append(text)

    def _end_row(self) -> None:
        if self._cells is None:
            self.flush()
            return
        self._end_cell()
        text = joined(self._cells)
        self._cells = None
        if text:
            self._header = text if self._header is None else self._header
            self.blocks.append(Block(text, header=self._header))


def _squeezed(text: str) -> str:
    """White space is one blank, as browsers show it."""
    words = " ".join(text.split())
    if not words:
        return " " if text else ""
    return f"{' ' if text[0].isspace() else ''}{words}{' ' if text[-1].isspace() else ''}"
