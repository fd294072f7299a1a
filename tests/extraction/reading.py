"""Reads files in this process, with the code that reads them in one of its own."""

import io
from typing import Any

from docs_store.extraction.messages import Order
from docs_store.extraction.reader import told


def told_of(content: bytes, suffix: str = "", mime_type: str = "", **order: Any) -> list[dict[str, Any]]:
    """All that is said of a file."""
    return list(told(io.BytesIO(content), Order(suffix=suffix, mime_type=mime_type, **order)))


def chunks_of(content: bytes, suffix: str = "", mime_type: str = "", **order: Any) -> list[tuple[str, dict[str, Any]]]:
    """Its chunks with their places; it must be read to its end."""
    said = told_of(content, suffix, mime_type, **order)
    assert said[-1]["say"] == "ended", said[-1]
    assert not [message for message in said if message["say"] == "broken"]
    read = [message for message in said if message["say"] in ("some", "read")]
    return [(one["text"], one["place"]) for message in read for one in message["chunks"]]


def text_of(content: bytes, suffix: str = "", mime_type: str = "") -> str:
    return "\n\n".join(text for text, _ in chunks_of(content, suffix, mime_type))


def problem_of(content: bytes, suffix: str = "", mime_type: str = "") -> str:
    """The code of what makes a file unreadable."""
    last = told_of(content, suffix, mime_type)[-1]
    assert last["say"] == "failed", last
    assert last["message"] and "Traceback" not in last["message"]
    return str(last["code"])


def broken_in(content: bytes, suffix: str = "") -> list[tuple[int | None, str]]:
    """Pages that cannot be read, and why."""
    return [(one["page"], one["code"]) for one in told_of(content, suffix) if one["say"] == "broken"]
