"""Texts of which nobody said how they are encoded, or wrongly."""

import codecs
import re

from charset_normalizer import from_bytes

from docs_store.extraction.encoding import MARKS, wide
from docs_store.extraction.errors import too_large
from docs_store.extraction.limits import MOST_TEXT
from docs_store.extraction.parts import Source

_SAMPLE_BYTES = 128 * 1024
_DECLARED = re.compile(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})|encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})")


def text_of(source: Source, *, declares: bool = False) -> str:
    """The whole text. `declares`: what the text itself says of its encoding counts."""
    raw = source.content.read(MOST_TEXT + 1)
    if len(raw) > MOST_TEXT:
        raise too_large("The text is too long")
    return decoded(raw, _declared(raw) if declares else None)


def decoded(raw: bytes, said: str | None = None) -> str:
    """Bytes as text: by their mark, as UTF-8, as somebody said, or as it is likely. What fits nowhere is replaced."""
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    for name in ("utf-8", said, wide(raw)):
        if name and (text := _strictly(raw, name)) is not None:
            return text
    return _nearly_utf8(raw) or raw.decode(_likely(raw), "replace")


def _nearly_utf8(raw: bytes) -> str | None:
    """The text, if only a few places of it are no UTF-8."""
    text = raw.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return text if wrong <= len(text) // 500 and beyond_ascii >= 4 * wrong else None


def _strictly(raw: bytes, encoding: str) -> str | None:
    if encoding == "utf-8" and b"\0" in raw[:_SAMPLE_BYTES]:
        return None
    try:
        if not codecs.lookup(encoding)._is_text_encoding:
            return None
        return raw.decode(encoding)
    except (LookupError, ValueError):
        return None


def _declared(raw: bytes) -> str | None:
    found = _DECLARED.search(raw[:4096])
    return (found[1] or found[2]).decode() if found else None


def _likely(raw: bytes) -> str:
    best = from_bytes(raw[:_SAMPLE_BYTES]).best()
    return best.encoding if best is not None else "cp1252"
