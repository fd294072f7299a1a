"""PPTX: a slide is a page, its title the heading. Notes come after the slide."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from docs_store.extraction.errors import too_large
from docs_store.extraction.formats.docx import written
from docs_store.extraction.formats.package import Package, local
from docs_store.extraction.formats.table import joined
from docs_store.extraction.limits import MOST_CELLS, MOST_PAGES
from docs_store.extraction.parts import Block, Part, Parts, Source

_TITLES = frozenset({"title", "ctrTitle"})
# Placeholders that repeat what every slide has.
_FURNITURE = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})


def parts(source: Source) -> Parts:
    package = Package(source.content)
    names = list(_slides(package))
    if len(names) > MOST_PAGES:
        raise too_large(f"The presentation has {len(names)} slides; at most {MOST_PAGES} are read")
    each = (Part(partial(_read, package, name), number, "") for number, name in enumerate(names, 1))
    return Parts(each, len(names), is_direct=True)


def _slides(package: Package) -> Iterator[str]:
    """The slides in their order."""
    known = package.related(package.main, "slide")
    for element in package.xml(package.main).iter():
        if local(element) == "sldId":
            for key, value in element.attrib.items():
                if key.startswith("{") and key.endswith("}id") and value in known:
                    yield known[value]


def _read(package: Package, name: str) -> Sequence[Block]:
    blocks = list(_shapes(package.xml(name)))
    for notes in package.related(name, "notesSlide").values():
        blocks += list(_shapes(package.xml(notes)))
    return blocks


def _shapes(root: Any) -> Iterator[Block]:
    """Titles first, wherever they stand."""
    shapes = [(shape, _placeholder(shape)) for shape in root.iter() if local(shape) in ("sp", "tbl")]
    for shape, kind in sorted(shapes, key=lambda one: one[1] not in _TITLES):
        if kind in _FURNITURE:
            continue
        if local(shape) == "tbl":
            yield from _rows(shape)
            continue
        paragraphs = [written(paragraph).strip() for paragraph in shape.iter() if local(paragraph) == "p"]
        text = "\n".join(paragraph for paragraph in paragraphs if paragraph)
        if text:
            yield Block(text, level=1 if kind in _TITLES else 0)


def _placeholder(shape: Any) -> str:
    return next((one.get("type", "") for one in shape.iter() if local(one) == "ph"), "")


def _rows(table: Any) -> Iterator[Block]:
    header: str | None = None
    for row in table.iter():
        if local(row) != "tr":
            continue
        text = joined([written(cell) for cell in row if local(cell) == "tc"][:MOST_CELLS])
        if text:
            header = text if header is None else header
            yield Block(text, header=header)
