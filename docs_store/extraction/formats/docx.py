"""DOCX: paragraphs, headings by their style, tables row by row. What was deleted with changes tracked is left out."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from docs_store.extraction.formats.package import Package, local
from docs_store.extraction.formats.table import joined
from docs_store.extraction.limits import MOST_CELLS
from docs_store.extraction.parts import Block, Parts, Source, grouped

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
# What only holds more of the same.
_TRANSPARENT = frozenset({"body", "sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo"})
_LEFT_OUT = frozenset({"del", "moveFrom", "instrText", "Fallback", "pPr", "rPr"})
_WRITTEN = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "p": "\n"}


def parts(source: Source) -> Parts:
    package = Package(source.content)
    root = package.xml(package.main)
    styles = [package.xml(name) for name in package.related(package.main, "styles").values()]
    levels = {key: level for sheet in styles for key, level in _levels(sheet)}
    return Parts(grouped(_blocks(root, levels)))


def _levels(styles: Any) -> Iterator[tuple[str, int]]:
    """The levels of the styles that are for headings."""
    for style in styles:
        if local(style) != "style":
            continue
        key, name, outline = _own(style, "styleId"), "", None
        for part in style.iter():
            if local(part) == "name" and not name:
                name = _own(part, "val")
            elif local(part) == "outlineLvl":
                outline = _own(part, "val")
        if level := _level(name, outline):
            yield key, level


def _level(name: str, outline: str | None) -> int:
    if name.lower() == "title":
        return 1
    if found := _HEADING.fullmatch(name):
        return int(found[1])
    return int(outline) + 1 if outline and outline in "012345678" else 0


def _blocks(root: Any, levels: dict[str, int]) -> Iterator[Block]:
    """In the order of the document. The stack is ours: a document may be as deep as it likes."""
    waiting = [iter(root)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif local(element) == "p":
            yield _paragraph(element, levels)
        elif local(element) == "tbl":
            yield from _rows(element)
        elif local(element) in _TRANSPARENT:
            waiting.append(iter(element))


def _paragraph(element: Any, levels: dict[str, int]) -> Block:
    level, marker = 0, ""
    for properties in element:
        if local(properties) != "pPr":
            continue
        for one in properties:
            if local(one) == "pStyle":
                level = levels.get(_own(one, "val"), 0)
            elif local(one) == "outlineLvl":
                level = level or _level("", _own(one, "val"))
            elif local(one) == "numPr":
                marker = "- "
    text = written(element)
    return Block(f"{marker}{text}" if marker and not level and text else text, level=level)


def _rows(table: Any) -> Iterator[Block]:
    """Rows with the texts of their cells; tables within cells are text."""
    header: str | None = None
    for row in table.iterchildren():
        if local(row) != "tr":
            continue
        cells = [written(cell) for cell in row.iterchildren() if local(cell) == "tc"]
        text = joined(cells[:MOST_CELLS])
        if text:
            header = text if header is None else header
            yield Block(text, header=header)


def written(element: Any) -> str:
    """The text of an element and all within, as it is to be read."""
    texts: list[str] = []
    walk = etree.iterwalk(element, events=("start",))
    for _, part in walk:
        name = local(part)
        if name in _LEFT_OUT:
            walk.skip_subtree()
        elif name == "t":
            texts.append(part.text or "")
        elif name in _WRITTEN and part is not element:
            texts.append(_WRITTEN[name])
    return "".join(texts)


def _own(element: Any, name: str) -> str:
    """An attribute, whatever its namespace."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
