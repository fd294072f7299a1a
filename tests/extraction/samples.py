"""Files as people have them, made by the libraries others make them with, or by hand."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import docx
import openpyxl
import pptx
from pptx.util import Inches


def pdf(pages: Sequence[str], *, bookmarks: Mapping[str, int] | None = None, extra: bytes = b"") -> bytes:
    """A PDF with a line of text for each line of a page. `bookmarks`: title to index of a page."""
    objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids: list[int] = []
    for text in pages:
        lines = b" ".join(b"(%s) Tj T*" % line.encode("latin-1") for line in text.split("\n"))
        stream = b"BT /F1 11 Tf 50 780 Td 14 TL %s ET" % lines
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % len(objects)
        )
        kids.append(len(objects))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R %s %s >>" % (_outline(objects, bookmarks or {}, kids), extra)
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % kid for kid in kids), len(kids))
    return of_objects(objects)


def of_objects(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects; the first is its root."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    out += b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, start)
    return bytes(out)


def _outline(objects: list[bytes], bookmarks: Mapping[str, int], kids: Sequence[int]) -> bytes:
    if not bookmarks:
        return b""
    root = len(objects) + 1
    first, last = root + 1, root + len(bookmarks)
    objects.append(b"<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>" % (first, last, len(bookmarks)))
    for number, (title, index) in enumerate(bookmarks.items(), first):
        following = b"/Next %d 0 R" % (number + 1) if number < last else b""
        objects.append(
            b"<< /Title (%s) /Parent %d 0 R /Dest [%d 0 R /Fit] %s >>" % (title.encode(), root, kids[index], following)
        )
    return b"/Outlines %d 0 R" % root


def word() -> bytes:
    """A report with headings, a list and a table."""
    document = docx.Document()
    document.add_heading("Tides", level=0)
    document.add_paragraph("The sea rises twice a day.")
    document.add_heading("Harbours", level=1)
    document.add_paragraph("Boats wait for water.", style="List Bullet")
    table = document.add_table(rows=0, cols=2)
    for name, depth in (("Harbour", "Depth"), ("Wick", "3 m"), ("Oban", "9 m")):
        cells = table.add_row().cells
        cells[0].text, cells[1].text = name, depth
    document.add_heading("Salt", level=2)
    document.add_paragraph("Salt stays behind. Grüße, 海, 🌊")
    return saved(document)


def slides(count: int = 2) -> bytes:
    """Slides with titles, a text, notes and, on the first, a table."""
    presentation = pptx.Presentation()
    for number in range(1, count + 1):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = f"What is said of {number}."
        slide.notes_slide.notes_text_frame.text = f"Spoken on {number}."
        if number == 1:
            grid = slide.shapes.add_table(2, 2, Inches(1), Inches(4), Inches(4), Inches(1)).table
            for index, text in enumerate(("Harbour", "Depth", "Wick", "3 m")):
                grid.cell(index // 2, index % 2).text = text
    return saved(presentation)


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def changed(archive: bytes, changes: Mapping[str, bytes | None], *, more: Mapping[str, bytes] | None = None) -> bytes:
    """An archive with other contents under these names; None leaves one out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = changes.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return out.getvalue()
