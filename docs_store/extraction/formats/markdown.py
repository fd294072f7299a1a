"""Markdown, as it was written: models read it well. Only headings, fences and tables are told apart."""

import re
from collections.abc import Iterator

from docs_store.extraction.formats.decoding import text_of
from docs_store.extraction.parts import Block, Parts, Source, grouped

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_OF_RULES = " \t:|-"


def parts(source: Source) -> Parts:
    return Parts(grouped(blocks(text_of(source))))


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a Markdown text."""
    reader = _Reader()
    for line in text.splitlines():
        yield from reader.line(line)
    yield from reader.flush()


class _Reader:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self._fence = ""

    def line(self, line: str) -> Iterator[Block]:
        fence = _FENCE.match(line)
        if self._fence:
            self._lines.append(line)
            if fence and fence[1].startswith(self._fence) and not line.strip().strip(self._fence[0]):
                self._fence = ""
                yield from self.flush()
        elif fence:
            yield from self.flush()
            self._fence, self._lines = fence[1], [line]
        elif heading := _HEADING.match(line):
            yield from self.flush()
            yield Block(line[heading.end() :].strip().rstrip("#").strip(), level=len(heading[1]))
        elif self._lines and (under := _UNDERLINE.match(line)) and not self._lines[0].lstrip().startswith("|"):
            text = "\n".join(self._lines)
            self._lines = []
            yield Block(text, level=1 if under[1][0] == "=" else 2)
        elif line.strip():
            self._lines.append(line.rstrip())
        else:
            yield from self.flush()

    def flush(self) -> Iterator[Block]:
        lines, self._lines = self._lines, []
        if len(lines) > 2 and _is_rule(lines[1]):
            header = f"{lines[0]}\n{lines[1]}"
            yield Block(header, header=header)
            for line in lines[2:]:
                yield Block(line, header=header)
        elif lines:
            yield Block("\n".join(lines))


def _is_rule(line: str) -> bool:
    """Whether the line stands between the header of a table and its rows. It may be as long as the file."""
    return not line.strip(_OF_RULES) and 0 <= line.find("-") < line.rfind("|")
