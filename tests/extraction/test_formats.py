"""What is read of files of every format, and where in them it says it stands."""

import datetime
from email.message import EmailMessage

import docx
import pytest

from docs_store.extraction.messages import of_line, read, to_line
from tests.extraction import samples
from tests.extraction.reading import broken_in, chunks_of, problem_of, text_of, told_of


def test_pages_of_a_pdf_and_the_bookmarks_over_them() -> None:
    content = samples.pdf(["Foreword", "Ebb and flow", "More of it", "Salt"], bookmarks={"Tides": 1, "Salt works": 3})
    assert chunks_of(content) == [
        ("Foreword", {"page": 1}),
        ("Ebb and flow", {"page": 2, "heading": "Tides"}),
        ("More of it", {"page": 3, "heading": "Tides"}),
        ("Salt", {"page": 4, "heading": "Salt works"}),
    ]


def test_a_pdf_is_read_from_any_page_on() -> None:
    content = samples.pdf(["one", "two", "three"])
    assert chunks_of(content, start=2) == [("three", {"page": 3})]
    assert told_of(content, start=3)[1:] == [{"say": "ended", "parts": 3}]


def test_headings_lists_and_tables_of_word() -> None:
    assert chunks_of(samples.word()) == [
        (
            "Tides\n\nThe sea rises twice a day.\n\nHarbours\n\nBoats wait for water.\n\n"
            "Harbour | Depth\nWick | 3 m\nOban | 9 m\n\nSalt\n\nSalt stays behind. Grüße, 海, 🌊",
            {"heading": "Tides"},
        )
    ]


def test_long_sections_of_word_are_chunks_of_their_own() -> None:
    document = docx.Document()
    for level, title in enumerate(("Tides", "Harbours", "Wick")):
        document.add_heading(title, level=level)
        document.add_paragraph("The sea rises twice a day. " * 20)
    assert [place["heading"] for _, place in chunks_of(samples.saved(document))] == [
        "Tides",
        "Harbours",
        "Harbours > Wick",
    ]


def test_changes_that_are_tracked_and_text_in_boxes() -> None:
    body = """<w:document xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main" xmlns:mc="urn:mc"><w:body>
        <w:sdt><w:sdtContent><w:p><w:r><w:t>Kept,</w:t></w:r><w:ins><w:r><w:t> added</w:t></w:r></w:ins>
        <w:del><w:r><w:delText>dropped</w:delText><w:t>dropped</w:t></w:r></w:del><w:r><w:tab/><w:t>end</w:t></w:r>
        <mc:AlternateContent><mc:Choice><w:p><w:r><w:t>Box</w:t></w:r></w:p></mc:Choice><mc:Fallback><w:p><w:r>
        <w:t>Box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent></w:p></w:sdtContent></w:sdt></w:body></w:document>"""
    content = samples.changed(samples.word(), {"word/document.xml": body.encode()})
    assert text_of(content) == "Kept, added\tend\nBox"


def test_slides_with_titles_tables_and_notes() -> None:
    first, second = chunks_of(samples.slides(), "pptx")
    assert first == (
        "Slide 1\n\nWhat is said of 1.\n\nHarbour | Depth\nWick | 3 m\n\nSpoken on 1.",
        {"page": 1, "heading": "Slide 1"},
    )
    assert second == ("Slide 2\n\nWhat is said of 2.\n\nSpoken on 2.", {"page": 2, "heading": "Slide 2"})


def test_sheets_of_a_workbook_with_their_values() -> None:
    day = datetime.datetime(2024, 5, 1)
    content = samples.workbook(
        {"Depths": [["Harbour", "Depth", None], ["Wick", 3.5, None], [None], ["Oban", 9, None]], "Days": [[day, True]]}
    )
    assert chunks_of(content) == [
        ("Harbour | Depth\nWick | 3.5\nOban | 9", {"page": 1, "heading": "Depths"}),
        ("2024-05-01 | True", {"page": 2, "heading": "Days"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_repeats_its_header(delimiter: str) -> None:
    rows = [delimiter.join(("name", '"depth ""m"""', "note"))]
    rows += [delimiter.join((f"harbour {number}", str(number), '"of two\nlines"')) for number in range(200)]
    chunks = chunks_of("\r\n".join(rows).encode(), "csv")
    assert len(chunks) > 3
    assert all(text.startswith('name | depth "m" | note\nharbour ') for text, _ in chunks)
    assert sum(text.count("of two lines") for text, _ in chunks) == 200


def test_rows_under_a_header_of_any_length() -> None:
    header = ",".join("depth" * 1000 for _ in range(1000))
    chunks = chunks_of(f"{header}\nWick,3\nOban,9".encode(), "csv")
    assert chunks[-1][0].startswith("depthdepth") and chunks[-1][0].endswith("\nWick | 3\nOban | 9")


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        (f"# {'a' * 199} and more", "a" * 199),
        (f"# {'a' * 199}\n\n## {'b' * 197} c\n\n## {'b' * 196}", f"{'a' * 199} > {'b' * 196}"),
        ("# Ebb \x02and\x7f flow", "Ebb and flow"),
    ],
)
def test_headings_are_cut_to_what_can_be_stored(text: str, heading: str) -> None:
    chunks = chunks_of(f"{text}\n\n{'words ' * 40}".encode(), "md")
    assert chunks[-1][1] == {"heading": heading}
    assert of_line(to_line(read(0, None, [{"text": text, "place": place} for text, place in chunks])))


def test_headings_of_bookmarks_and_attachments_can_be_stored() -> None:
    content = samples.pdf(["one"], bookmarks={"Ebb\x01 and\x7f flow": 0})
    assert chunks_of(content)[0][1] == {"page": 1, "heading": "Ebb and flow"}


def test_headings_of_markdown() -> None:
    body = "word " * 80
    text = f"# Tides\n\n{body}\n\n## Ebb\n\n{body}\n\n```\n# no heading\n```\n\n"
    text += "Salt\n====\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    chunks = chunks_of(text.encode(), "md")
    assert [place["heading"] for _, place in chunks] == ["Tides", "Tides > Ebb", "Salt"]
    assert "```\n# no heading\n```" in chunks[1][0]
    assert chunks[2][0] == "Salt\n\n| a | b |\n|---|---|\n| 1 | 2 |"


def test_a_page_of_html() -> None:
    page = """<!DOCTYPE html><html><head><title>Tide  tables</title><style>p {}</style>
    <script>var a = "<p>no</p>"</script></head><body><nav>Home</nav><h1>Tides</h1>
    <p>The sea<br>rises &amp; <b>falls</b>.<p>Twice a day<ul><li>ebb<li>flow</ul><!-- no -->
    <table><tr><th>Harbour<th>Depth<tr><td><p>Wick</p><td>3 m</table><pre>a
      b</pre></body></html>"""
    assert text_of(page.encode()) == (
        "Tide tables\n\nHome\n\nTides\n\nThe sea\nrises & falls.\n\nTwice a day\n\n- ebb\n\n- flow\n\n"
        "Harbour | Depth\nWick | 3 m\n\na\n      b"
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Ebbe und Flut: Grüße aus Köln, schöne Füße, süße Äpfel.\n" * 5, "cp1252"),
        ("Приливы и отливы бывают дважды в день. Море поднимается.\n" * 5, "cp1251"),
        ("潮は一日に二度、満ちたり引いたりする。港の船は水を待つ。\n" * 5, "shift_jis"),
        ("潮汐每天涨落两次。港口的船等待涨水。\n" * 5, "gb18030"),
        ("Grüße, 海, 🌊\n" * 5, "utf-8-sig"),
        ("Grüße, 海, 🌊\n" * 5, "utf-16"),
        ("Tides rise and fall, twice a day.\n" * 5, "utf-16-le"),
        ("Tides rise and fall, twice a day.\n" * 5, "utf-16-be"),
        ("Tides rise and fall, 海.\n" * 5, "utf-32"),
    ],
)
def test_texts_in_odd_encodings(text: str, encoding: str) -> None:
    assert text_of(text.encode(encoding), "txt") == text.strip()


def test_a_text_with_a_few_wrong_bytes() -> None:
    content = ("Grüße aus Köln. " * 200).encode() + b"\xff" + "Ende ä".encode()
    assert text_of(content).endswith("\ufffdEnde ä")


def test_a_page_says_how_it_is_encoded() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body><p>Żółć gęślą jaźń</p></body></html>'
    assert text_of(page.encode("iso-8859-2")) == "Żółć gęślą jaźń"


def test_characters_that_cannot_be_stored_are_left_out() -> None:
    assert text_of(b"a\x1bb\x7fc\r\nd\tmore words of a text that is long enough, in plain letters, to be text.") == (
        "abc\nd\tmore words of a text that is long enough, in plain letters, to be text."
    )


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "Tide tables for Köln"
    mail["From"] = "Ada <ada@example.com>"
    mail["To"] = "bob@example.com"
    mail["Date"] = "Fri, 3 May 2024 10:00:00 +0000"
    mail.set_content("The tables are attached.\n\nGrüße")
    mail.add_alternative("<p>The <b>tables</b> are attached.</p>", subtype="html")
    return mail


def test_a_mail_with_attachments_and_a_mail_in_it() -> None:
    inner, outer = message(), message()
    inner.replace_header("Subject", "Inner")
    outer.add_attachment(samples.pdf(["Page one", "Page two"]), maintype="application", subtype="pdf", filename="t.pdf")
    outer.add_attachment(b"\x89PNG\r\n\x1a\n\0\0", maintype="image", subtype="png", filename="sea.png")
    outer.add_attachment(b"a;b\n1;2\n", maintype="text", subtype="csv", filename="depths.csv")
    outer.add_attachment(inner)
    chunks = chunks_of(outer.as_bytes(), "eml")
    head = "From: Ada <ada@example.com>\nTo: bob@example.com\nDate: Fri, 03 May 2024 10:00:00 +0000"
    subject = {"heading": "Tide tables for Köln"}
    assert chunks == [
        (f"Tide tables for Köln\n\n{head}", subject),
        ("The tables are attached.\n\nGrüße", subject),
        ("Page one", {"page": 1, "heading": "t.pdf"}),
        ("Page two", {"page": 2, "heading": "t.pdf"}),
        ("Attachment: sea.png", subject),
        ("a | b\n1 | 2", {"heading": "depths.csv"}),
        (f"Inner\n\n{head}", {"heading": "Inner"}),
        ("The tables are attached.\n\nGrüße", {"heading": "Inner"}),
    ]


def test_a_mail_with_nothing_but_html() -> None:
    mail = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/html; charset=latin-1\r\n\r\n<p>K\xf6ln</p>"
    assert text_of(mail, "eml") == "Grüße\n\nKöln"


@pytest.mark.parametrize(
    ("content", "suffix", "mime_type"),
    [
        (samples.pdf(["Tides"]), "txt", "text/plain"),
        (b"<!doctype html><p>Tides</p>", "", ""),
        (b"<p>Tides</p>", "HTML".lower(), "application/octet-stream"),
        (b"<p>Tides</p>", "", "text/html"),
        (b"Tides", "", "application/octet-stream"),
    ],
)
def test_the_content_counts_more_than_its_name(content: bytes, suffix: str, mime_type: str) -> None:
    assert text_of(content, suffix, mime_type) == "Tides"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "file_type_unknown"),
        (samples.changed(samples.word(), {"[Content_Types].xml": None}), "file_type_unknown"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "file_type_unknown"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "file_encrypted"),
        (b"%PDF-1.7\nnothing of it", "file_damaged"),
        (b"PK\x03\x04 no archive", "file_damaged"),
        (samples.changed(samples.word(), {"word/document.xml": b"<w:document"}), "file_damaged"),
        (samples.changed(samples.word(), {"_rels/.rels": None}), "file_damaged"),
        (samples.workbook({"a": [[1]]})[:900], "file_damaged"),
    ],
)
def test_files_that_cannot_be_read(content: bytes, code: str) -> None:
    assert problem_of(content) == code


def test_a_broken_slide_costs_a_slide() -> None:
    content = samples.changed(samples.slides(3), {"ppt/slides/slide2.xml": b"<p:sld"})
    assert broken_in(content) == [(2, "file_damaged")]
    assert [one["page"] for one in told_of(content) if one["say"] == "read"] == [1, 3]


BROKEN_SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
    b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row'
)


def test_a_broken_sheet_costs_a_sheet() -> None:
    content = samples.workbook({"a": [["one"]], "b": [["two"]], "c": [["three"]]})
    content = samples.changed(content, {"xl/worksheets/sheet2.xml": BROKEN_SHEET})
    assert broken_in(content) == [(2, "file_damaged")]
    assert [one["page"] for one in told_of(content) if one["say"] == "read"] == [1, 3]


def test_a_broken_attachment_costs_the_attachment() -> None:
    mail = message()
    mail.add_attachment(b"%PDF-1.7 broken", maintype="application", subtype="pdf", filename="t.pdf")
    mail.add_attachment(b"Salt", maintype="text", subtype="plain", filename="s.txt")
    said = told_of(mail.as_bytes(), "eml")
    assert [one["code"] for one in said if one["say"] == "broken"] == ["file_damaged"]
    assert [one["chunks"][-1]["text"] for one in said if one["say"] == "read"][-1] == "Salt"


def test_rich_text() -> None:
    content = (
        rb"{\rtf1\ansi\ansicpg1251\deff0{\fonttbl{\f0 Arial;}}{\colortbl;\red0;}{\*\generator W;}"
        rb"{\info{\title No}}"
        rb"\pard\b The tide\b0\par Caf\u233?s \u-10179?\u-8694? \'ef\'f0 \{kept\}\line next\par{\header page 1}"
        rb"\trowd Wick\cell 3 m\cell\row{\pict\bin4 {}{}00ff}{\uc2\u8364ab}\emdash\~end}"
    )
    said = "The tide\n\nCaf\u00e9s \U0001f60a \u043f\u0440 {kept}\nnext\n\nWick | 3 m\n\n\u20ac\u2014\u00a0end"
    assert text_of(content) == text_of(content, "doc", "application/msword") == said
    assert problem_of(b"{\\rtf1" + b"{" * 2000) == "file_too_large"
    assert text_of(rb"{\rtf1 open \ansicpg77777 \u99999999999999 }}}} more").endswith("more")


def test_a_part_of_many_chunks_is_told_in_several_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    content = (b"The tide turns at noon, and once more at midnight. " * 20 + b"\n\n") * 5
    in_one = chunks_of(content)
    monkeypatch.setattr("docs_store.extraction.reader.CHUNKS_PER_MESSAGE", 1)
    assert [message["say"] for message in told_of(content)].count("some") == len(in_one) - 1 > 1
    assert chunks_of(content) == in_one
