"""Files that are made to exhaust or to trick who reads them: each meets a bound, and costs no more than itself."""

import io
import json
import signal
import zipfile
from base64 import encodebytes
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest

from docs_store.extraction import archive, limits
from docs_store.extraction.formats import mail as mail_format
from docs_store.extraction.messages import Order
from docs_store.extraction.process import FileReader, ReaderEnded
from docs_store.ingestion.working import check_message
from tests.extraction import samples
from tests.extraction.reading import broken_in, chunks_of, problem_of, text_of, told_of

SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
    b"<sheetData>%s</sheetData></worksheet>"
)
BOMB = b'<!DOCTYPE x [<!ENTITY a "%s">%s]>' % (
    b"ha" * 50,
    b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 20) for n in range(12)),
)


def read_apart(content: bytes, suffix: str = "", **order: Any) -> list[dict[str, Any]]:
    """All that a process of its own says of a file; the last message is `lost` when it did not come to an end."""
    said: list[dict[str, Any]] = []
    with TemporaryFile() as file:
        file.write(content)
        file.flush()
        with FileReader(file, Order(suffix=suffix, **order), check_message) as reader:
            try:
                said += reader.messages()
            except ReaderEnded as ended:
                said.append({"say": "lost", "took_too_long": ended.took_too_long})
    return said


# -- archives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "most", "more"),
    [
        ("MOST_UNPACKED_BYTES", 100_000, {"word/media/sea.png": bytes(200_000)}),
        ("MOST_XML_BYTES", 100_000, {"word/more.xml": bytes(200_000)}),
        ("MOST_ENTRIES", 30, {f"word/media/{number}": b"" for number in range(40)}),
    ],
)
def test_an_archive_that_unpacks_to_too_much(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, more: dict[str, bytes]
) -> None:
    content = samples.changed(samples.word(), {}, more=more)
    assert text_of(content)
    monkeypatch.setattr(archive, limit, most)
    assert problem_of(content) == "file_too_large"


def test_an_archive_that_lies_about_its_size() -> None:
    content = bytearray(samples.changed(samples.word(), {"word/document.xml": b"<a>" + b" " * 10**7 + b"</a>"}))
    at = content.rindex(b"word/document.xml") - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    assert problem_of(bytes(content)) == "file_damaged"


def test_an_encrypted_archive() -> None:
    content = bytearray(samples.word())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert problem_of(bytes(content)) == "file_encrypted"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (samples.word(), "word/document.xml"),
        (samples.word(), "word/styles.xml"),
        (samples.word(), "_rels/.rels"),
        (samples.workbook({"a": [[1]]}), "xl/workbook.xml"),
        (samples.workbook({"a": [["x"]]}), "xl/worksheets/sheet1.xml"),
    ],
)
def test_entities_of_xml_are_not_expanded(content: bytes, name: str) -> None:
    assert problem_of(samples.changed(content, {name: BOMB + b"<x>&l;</x>"})) == "file_damaged"


def test_entities_that_name_files_are_not_read() -> None:
    outside = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'
    assert problem_of(samples.changed(samples.word(), {"word/document.xml": outside})) == "file_damaged"
    content = samples.changed(samples.slides(1), {"ppt/slides/slide1.xml": outside})
    assert broken_in(content) == [(1, "file_damaged")]


def test_xml_that_is_deep() -> None:
    deep = b"<w:sdt>" * 100_000 + b"</w:sdt>" * 100_000
    content = b'<w:document xmlns:w="w"><w:body>' + deep + b"</w:body></w:document>"
    assert problem_of(samples.changed(samples.word(), {"word/document.xml": content})) == "file_damaged"


def test_parts_that_lead_out_of_the_archive() -> None:
    rels = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" '
        b'Type="http://x/officeDocument" Target="../../../../etc/passwd"/></Relationships>'
    )
    assert problem_of(samples.changed(samples.word(), {"_rels/.rels": rels})) == "file_damaged"


# -- workbooks and tables -----------------------------------------------------------------------------------------


def test_a_sheet_with_one_cell_far_away() -> None:
    rows = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="900000"><c r="XFD900000"><v>2</v></c></row>'
    content = samples.changed(samples.workbook({"a": [[1]]}), {"xl/worksheets/sheet1.xml": SHEET % rows})
    assert [text for text, _ in chunks_of(content)] == ["1"]


def test_a_table_of_one_huge_field() -> None:
    assert problem_of(b'a,b\n"' + b"x" * 2_000_000, "csv") == "file_too_large"


def test_a_table_of_many_columns() -> None:
    ((text, _), *_) = chunks_of(b",".join(b"%d" % number for number in range(100_000)), "csv")
    assert text.startswith("0 | 1 | 2")
    assert "99999" not in text_of(b",".join(b"%d" % number for number in range(100_000)), "csv")


@pytest.mark.parametrize("rule", ["-" * 200_000, "|-" * 100_000, "| : - " * 50_000])
def test_a_table_of_markdown_with_an_endless_rule(rule: str) -> None:
    content = f"| a | b |\n|{rule}x\n| 1 | 2 |\n| 3 | 4 |".encode()
    assert read_apart(content, "md", cpu_seconds=2)[-1]["say"] == "ended"


# -- pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["<div>" * 200_000, "<table><tr><td>" * 50_000, "<b>" * 100_000, "<!--" * 50_000, "<" * 100_000, "&a" * 100_000],
)
def test_deep_html(text: str) -> None:
    content = f"<html><p>Before</p>{text}".encode()
    assert text_of(content).startswith("Before")


def test_html_whose_scripts_never_end() -> None:
    assert text_of(b"<html><p>Seen</p><script>" + b"var a = 1;" * 1000) == "Seen"


# -- PDF ----------------------------------------------------------------------------------------------------------


def test_a_pdf_that_needs_a_password() -> None:
    encryption = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> /Length 40 >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, encryption]
    content = samples.of_objects(objects, b"/Encrypt 4 0 R /ID [<41> <41>]")
    assert problem_of(content) == "file_encrypted"


def test_scripts_and_actions_of_a_pdf_do_nothing() -> None:
    script = b"/OpenAction << /S /JavaScript /JS (app.launchURL\\('http://127.0.0.1:1/'\\)) >> /AA << /O 99 0 R >>"
    assert text_of(samples.pdf(["Tides"], extra=script)) == "Tides"


@pytest.mark.parametrize(("kids", "count"), [(b"[2 0 R 3 0 R]", 2), (b"[3 0 R]", 10**9), (b"[3 0 R 3 0 R 3 0 R]", -3)])
def test_a_tree_of_pages_that_is_none(kids: bytes, count: int) -> None:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    tree = b"<< /Type /Pages /Kids %s /Count %d /Parent 2 0 R >>" % (kids, count)
    content = samples.of_objects([b"<< /Type /Catalog /Pages 2 0 R >>", tree, page])
    assert told_of(content)[-1]["say"] in ("ended", "failed")


def test_bookmarks_in_a_circle() -> None:
    outline = b"<< /Type /Outlines /First 8 0 R /Last 8 0 R >>"
    loop = b"<< /Title (Round) /Parent 7 0 R /First 8 0 R /Next 8 0 R /Dest [5 0 R /Fit] >>"
    objects = samples.pdf(["Tides"], extra=b"/Outlines 7 0 R").replace(b"xref", b"xref", 1)
    at = objects.index(b"xref\n")
    content = objects[:at] + b"7 0 obj\n" + outline + b"\nendobj\n8 0 obj\n" + loop + b"\nendobj\n" + objects[at:]
    assert text_of(content) == "Tides"


def test_a_form_that_draws_itself() -> None:
    form = b"/Fm0 Do"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R "
        b"/Resources << /XObject << /Fm0 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(form), form),
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /Fm0 5 0 R >> >> /Length %d >>\n"
        b"stream\n%s\nendstream" % (len(form), form),
    ]
    assert told_of(samples.of_objects(objects))[-1] == {"say": "ended", "parts": 1}


def test_a_pdf_of_too_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    from docs_store.extraction.formats import pdf

    monkeypatch.setattr(pdf, "MOST_PAGES", 2)
    assert problem_of(samples.pdf(["a", "b", "c"])) == "file_too_large"


# -- mail ---------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    text = b"Subject: innermost\n\nwords"
    for number in range(depth):
        text = b"Subject: %d\nContent-Type: message/rfc822\n\n%s" % (number, text)
    return text


def test_mails_in_mails() -> None:
    assert "innermost" in text_of(nested(3), "eml")
    said = told_of(nested(50), "eml")
    assert [one["code"] for one in said if one["say"] == "broken"] == ["file_too_large"]
    assert said[-1]["say"] == "ended"


def test_attachments_in_attachments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_format, "DEEPEST_MAIL", 1)
    content = b"Subject: in\n\nwords"
    for _ in range(3):
        content = (
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/octet-stream\n"
            b"Content-Disposition: attachment; filename=a.eml\nContent-Transfer-Encoding: base64\n\n"
            + encodebytes(content)
            + b"\n--b--"
        )
    said = told_of(content, "eml")
    assert [one["code"] for one in said if one["say"] == "broken"] == ["file_too_large"]


def test_a_mail_of_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nwords\n" * 300 + b"--b--"
    assert problem_of(content, "eml") == "file_too_large"


@pytest.mark.parametrize("depth", [50, 5000])
def test_a_mail_of_parts_in_parts(depth: int) -> None:
    content = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number) for number in range(depth)
    )
    assert told_of(content + b"\nwords", "eml")[-1]["say"] in ("ended", "failed")


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: =?x-none?b?####?=\n",
        b"Subject: =?utf-8?q?" + b"=FF" * 1000 + b"?=\n",
        b"Content-Type: text/plain; charset=zip\n",
        b"Content-Type: text/plain; charset=undefined\nContent-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: x-uuencode\n",
        b"Content-Type: ;;;=\nContent-Disposition: attachment; filename*=a''%FF%FE\n",
    ],
)
def test_headers_that_make_no_sense(head: bytes) -> None:
    assert told_of(head + b"From: a\n\nwords", "eml")[-1]["say"] == "ended"


# -- the process --------------------------------------------------------------------------------------------------


@pytest.fixture
def misread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the process that reads do something else instead."""

    def become(program: str) -> None:
        script = tmp_path / "program.py"
        script.write_text(PREPARED + program)
        monkeypatch.setattr("docs_store.extraction.process.COMMAND", ["-B", str(script)])

    return become


PREPARED = """
import sys, os, json, signal
sys.path.insert(0, os.getcwd())
from docs_store.extraction import reader
from docs_store.extraction.messages import Order
order = Order.of_text(sys.argv[1])
reader.confine(order)
def say(**message):
    os.write(1, json.dumps(message).encode() + b"\\n")
"""


def test_a_file_is_read_apart_as_it_is_read_here() -> None:
    content = samples.pdf(["one", "two"])
    assert read_apart(content) == told_of(content)
    assert read_apart(content, start=1) == told_of(content, start=1)


def test_memory_is_bounded(misread: Callable[[str], None]) -> None:
    misread("try:\n    bytearray(2**30)\nexcept MemoryError:\n    say(say='failed', code='none', message='')\n")
    assert read_apart(b"", memory_mb=256)[-1]["code"] == "none"


def test_processor_time_is_bounded(misread: Callable[[str], None]) -> None:
    misread("say(say='beginning', part=0, page=1)\nwhile True: pass\n")
    assert read_apart(b"", cpu_seconds=1)[-1] == {"say": "lost", "took_too_long": True}


def test_a_process_that_dies(misread: Callable[[str], None]) -> None:
    misread("os.kill(os.getpid(), signal.SIGSEGV)\n")
    assert read_apart(b"") == [{"say": "lost", "took_too_long": False}]


def test_what_it_says_is_bounded(misread: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docs_store.extraction.process.MOST_MESSAGE_BYTES", 100_000)
    misread("while True: os.write(1, b'x' * 60000)\n")
    assert read_apart(b"") == [{"say": "lost", "took_too_long": False}]


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"say": "other"}', '{"say": "read", "part": "x"}', "[" * 100, '{"say": [' + "{}," * 400]
)
def test_what_it_says_is_checked(misread: Callable[[str], None], text: str) -> None:
    misread(f"os.write(1, {text!r}.encode() + b'\\n')\n")
    assert read_apart(b"") == [{"say": "lost", "took_too_long": False}]


def test_it_has_no_network_files_processes_or_keys(misread: Callable[[str], None], monkeypatch: Any) -> None:
    monkeypatch.setenv("AGENTS_API_KEY", "never to be seen")
    misread("""
import socket, subprocess
done = []
for act in (lambda: socket.socket().connect(("127.0.0.1", 1)), lambda: subprocess.run(["true"]), lambda: os.fork(),
            lambda: os.system("true"), lambda: open("/tmp/julep-never", "w").write("x" * 10000)):
    try:
        act(); done.append(True)
    except (OSError, PermissionError):
        done.append(False)
say(say="failed", code=json.dumps(done), message=json.dumps(sorted(os.environ)))
""")
    last = read_apart(b"")[-1]
    assert json.loads(last["code"]) == [False] * 5
    assert not {"AGENTS_API_KEY", "DATABASE_URL", "SECRET_KEY"} & set(json.loads(last["message"]))


def test_a_reader_is_ended_when_nobody_listens(misread: Callable[[str], None]) -> None:
    misread("say(say='opened', count=1)\nsignal.pause()\n")
    with TemporaryFile() as file, FileReader(file, Order(), check_message) as reader:
        assert next(iter(reader.messages())) == {"say": "opened", "count": 1}
        process = reader._process
    assert process.returncode == -signal.SIGKILL


def test_limits_of_archives_are_real() -> None:
    """What an honest office writes is far from them."""
    with zipfile.ZipFile(io.BytesIO(samples.slides())) as file:
        assert len(file.infolist()) < limits.MOST_ENTRIES / 100
