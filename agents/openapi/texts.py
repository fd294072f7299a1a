"""Texts and names of a document, made fit for models."""

import hashlib
import re

from agents.tool_definitions import LONGEST_TOOL_NAME
from julep_project.core.reading.visible_text import pieces

_LONGEST_ARGUMENT = 56
_MARK_LENGTH = 6
_OTHERS = re.compile(r"[^a-zA-Z0-9_]++")


def cleaned(text: object, longest: int) -> str:
    """One line without what nobody would see; cut if it is too long."""
    if not isinstance(text, str):
        return ""
    # A bound on the work: most of what blanks and marks take away is at the beginning.
    seen = "".join(piece.text for piece in pieces(text[: 2 * longest]) if not piece.is_mark)
    line = " ".join(seen.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def argument_name(name: str, fallback: str) -> str:
    """The name as models and expressions can write it."""
    text = _OTHERS.sub("_", name)[:_LONGEST_ARGUMENT].rstrip("_") or fallback
    return f"_{text}" if text[0].isdigit() else text


def tool_name(operation: str, prefix: str) -> str:
    """The name of the tool of an operation: its id, with an ending of its own where that is too long."""
    name = prefix + _OTHERS.sub("_", operation).strip("_")
    name = f"_{name}" if name[:1].isdigit() or not name else name
    if len(name) <= LONGEST_TOOL_NAME:
        return name
    mark = hashlib.sha256(operation.encode()).hexdigest()[:_MARK_LENGTH]
    return f"{name[: LONGEST_TOOL_NAME - _MARK_LENGTH - 1]}_{mark}"
