"""What a process that reads a file is told, and what it says: lines of JSON."""

import json
import signal
from dataclasses import asdict, dataclass, field
from typing import Any

from docs_store.extraction.chunking import cleaned
from docs_store.extraction.limits import CHUNK_CHARACTERS, LONGEST_CHUNK

# Ends a process that takes too long over a part.
TIMER_SIGNAL = signal.SIGPROF


@dataclass(frozen=True, slots=True)
class Order:
    """What to read, from which part on, with how much, and how it is cut. Parts to `avoid` ended a process that read
    them."""

    suffix: str = ""
    mime_type: str = ""
    start: int = 0
    avoid: list[int] = field(default_factory=list)
    memory_mb: int = 768
    cpu_seconds: int = 20
    chunk_characters: int = CHUNK_CHARACTERS
    overlap_characters: int = 0

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> "Order":
        return cls(**json.loads(text))


def opened(count: int | None) -> dict[str, Any]:
    """The file can be read; it has so many parts, if that is known."""
    return {"say": "opened", "count": count}


def beginning(part: int, page: int | None) -> dict[str, Any]:
    """What comes next: if nothing does, this part is to blame."""
    return {"say": "beginning", "part": part, "page": page}


def some(part: int, page: int | None, chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The first chunks of a part, or the next; more follow."""
    return {"say": "some", "part": part, "page": page, "chunks": chunks}


def read(part: int, page: int | None, chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """A part is read; these are the last of its chunks."""
    return {"say": "read", "part": part, "page": page, "chunks": chunks}


def broken(part: int, page: int | None, code: str, message: str) -> dict[str, Any]:
    """A part cannot be read; others may."""
    return {"say": "broken", "part": part, "page": page, "code": code, "message": message}


def failed(code: str, message: str) -> dict[str, Any]:
    """The file cannot be read (any further)."""
    return {"say": "failed", "code": code, "message": message}


def ended(parts: int) -> dict[str, Any]:
    """All of its parts were told of."""
    return {"say": "ended", "parts": parts}


LAST = ("ended", "failed")
# What messages hold, and of which types.
_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "opened": {"count": (int, type(None))},
    "beginning": {"part": (int,), "page": (int, type(None))},
    "some": {"part": (int,), "page": (int, type(None)), "chunks": (list,)},
    "read": {"part": (int,), "page": (int, type(None)), "chunks": (list,)},
    "broken": {"part": (int,), "page": (int, type(None)), "code": (str,), "message": (str,)},
    "failed": {"code": (str,), "message": (str,)},
    "ended": {"parts": (int,)},
}


class BadMessage(Exception):
    """It is not one of these messages: whatever speaks there is not what was started, or not any more."""


def of_line(line: bytes) -> dict[str, Any]:
    """A message as it was said.

    Raises:
        BadMessage
    """
    try:
        message = json.loads(line)
        fields = _FIELDS[message["say"]]
        is_whole = message.keys() == {"say", *fields}
        if is_whole and all(isinstance(message[name], of) for name, of in fields.items()):
            found: dict[str, Any] = message
            if all(_is_chunk(chunk) for chunk in found.get("chunks", ())):
                return found
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadMessage from error
    raise BadMessage


def _is_chunk(chunk: Any) -> bool:
    """Whether it can be stored as it is."""
    text, place = chunk["text"], chunk["place"]
    heading = place.get("heading", "")
    return (
        0 < len(text) <= LONGEST_CHUNK
        and cleaned(text) == text
        and len(heading) <= LONGEST_CHUNK
        and cleaned(heading) == heading
        and isinstance(place.get("page", 0), int)
        and place.keys() <= {"page", "heading"}
    )


def to_line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode("ascii") + b"\n"
