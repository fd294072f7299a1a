"""Which format a file has: by what it begins with, and only then by what its name and its MIME type say."""

from importlib import import_module

from docs_store.extraction.archive import checked
from docs_store.extraction.encoding import is_text
from docs_store.extraction.errors import ENCRYPTED, UNKNOWN_TYPE, FileProblem
from docs_store.extraction.parts import Parts, Source

_HEAD_BYTES = 4096
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RTF = b"{\\rtf"
# Names of streams in an OLE file are UTF-16.
_ENCRYPTED_OLE = "EncryptedPackage".encode("utf-16-le")
_OFFICE = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}
_BY_SUFFIX = {
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("md", "markdown", "mdx"), "markdown"),
    **dict.fromkeys(("csv", "tsv"), "table"),
}
_BY_TYPE = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/csv": "table",
    "text/tab-separated-values": "table",
}


def parts_of(source: Source) -> Parts:
    """The parts of a file. Only what reads its format is imported.

    Raises:
        FileProblem: none can be read.
    """
    name = _format_of(source)
    source.content.seek(0)
    reads = import_module(f"docs_store.extraction.formats.{name}")
    parts: Parts = reads.parts(source, parts_of) if name == "mail" else reads.parts(source)
    return parts


def _format_of(source: Source) -> str:
    head = source.content.read(_HEAD_BYTES)
    source.content.seek(0)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _office(source)
    if head.lstrip().startswith(_RTF):
        return "rtf"
    if head.startswith(_OLE):
        raise _old_office(source)
    if not is_text(head):
        raise FileProblem(UNKNOWN_TYPE, "The file is of no type that can be read")
    if source.suffix == "eml" or source.mime_type == "message/rfc822":
        return "mail"
    known = _BY_SUFFIX.get(source.suffix) or _BY_TYPE.get(source.mime_type)
    return known or ("html" if _is_page(head) else "plain")


def _office(source: Source) -> str:
    names = checked(source.content).namelist()
    if "[Content_Types].xml" in names:
        for folder, name in _OFFICE.items():
            if any(entry.startswith(folder) for entry in names):
                return name
    raise FileProblem(UNKNOWN_TYPE, "The file is an archive; upload what is in it")


def _old_office(source: Source) -> FileProblem:
    content = source.content.read()
    if _ENCRYPTED_OLE in content:
        return FileProblem(ENCRYPTED, "The document is encrypted and needs a password")
    return FileProblem(UNKNOWN_TYPE, "The file has the format of old office programs; save it in the present one")


def _is_page(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    return start.startswith((b"<!doctype html", b"<html"))
