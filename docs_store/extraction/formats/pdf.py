"""PDF by PDFium. It runs no scripts, opens no attachments and fetches nothing; each page is read by itself."""

from collections.abc import Sequence
from functools import partial
from itertools import islice

import pypdfium2
from pypdfium2 import raw as codes

from docs_store.extraction.errors import ENCRYPTED, FileProblem, damaged, too_large
from docs_store.extraction.limits import DEEPEST_HEADING, LONGEST_HEADING, MOST_BOOKMARKS, MOST_PAGES, MOST_TEXT
from docs_store.extraction.parts import Block, Part, Parts, Source

# Where PDFium found a word that is hyphenated at the end of a line.
_HYPHENS = ("\ufffe", "\x02")
_LOCKED = (codes.FPDF_ERR_PASSWORD, codes.FPDF_ERR_SECURITY)


def parts(source: Source) -> Parts:
    """Pages, each under the heading that the bookmarks give it."""
    document = _opened(source.content.read())
    count = len(document)
    if count > MOST_PAGES:
        raise too_large(f"The document has {count} pages; at most {MOST_PAGES} are read")
    headings = _headings(document, count)
    each = (Part(partial(_read, document, index), index + 1, headings[index]) for index in range(count))
    return Parts(each, count, is_direct=True)


def _opened(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in _LOCKED:
            raise FileProblem(ENCRYPTED, "The document is encrypted and needs a password") from error
        raise damaged("The document", error) from error


def _read(document: pypdfium2.PdfDocument, index: int) -> Sequence[Block]:
    page = document[index]
    try:
        text_page = page.get_textpage()
        try:
            if text_page.count_chars() > MOST_TEXT:
                raise too_large("The page holds too much text")
            return _paragraphs(text_page.get_text_bounded())
        finally:
            text_page.close()
    finally:
        page.close()


def _paragraphs(text: str) -> list[Block]:
    text = text.replace("\r\n", "\n")
    for hyphen in _HYPHENS:
        text = text.replace(f"{hyphen}\n", "").replace(hyphen, "")
    return [Block(paragraph) for paragraph in text.split("\n\n")]


def _headings(document: pypdfium2.PdfDocument, count: int) -> list[str]:
    """What the bookmarks say of each page: the first that is on it, or else the last before it."""
    first: dict[int, str] = {}
    last: dict[int, str] = {}
    path: list[str] = []
    try:
        for bookmark in islice(document.get_toc(max_depth=DEEPEST_HEADING), MOST_BOOKMARKS):
            path = [*path[: bookmark.level], " ".join(bookmark.get_title().split())[:LONGEST_HEADING]]
            target = bookmark.get_dest()
            index = target.get_index() if target is not None else None
            if index is not None:
                first.setdefault(index, " > ".join(path))
                last[index] = " > ".join(path)
    except (pypdfium2.PdfiumError, RecursionError, ValueError):
        # Pages can be read without.
        pass
    headings, current = [], ""
    for index in range(count):
        headings.append(first.get(index, current))
        current = last.get(index, current)
    return headings
