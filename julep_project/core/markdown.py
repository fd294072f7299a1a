"""Tables of the documentation that are made from code, and their places in a page."""

import re
import string
from collections.abc import Iterable, Mapping, Sequence


def with_parts(page: str, parts: Mapping[str, str]) -> str:
    """The page with each part between its marks `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Raises:
        ValueError: the page has no place for one of them.
    """
    for name, part in parts.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, found, rest = page.partition(begin)
        old, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the page has no part {name!r}")
        page = f"{before}{begin}{part}\n{end}{after}"
    return page


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def codes(names: Iterable[str]) -> str:
    """Names as code, between commas."""
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    """Bars would end the cell, and what cannot be seen would be lost."""
    clean = re.sub(r"\s+", " ", text.replace("|", "\\|"))
    return "".join(mark for mark in clean if mark in string.printable or mark.isprintable())
