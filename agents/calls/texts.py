"""Texts by their content: a message is stored once, however many calls repeat it, and so is a list of messages."""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from julep_project.core.reading.jsontext import to_storable

# Messages whose ids make one piece of a list. A list of 200 is 12 ids of pieces and 8 of messages.
PIECE = 16
_ID_BYTES = 16
# A longer text is kept in part.
LONGEST_TEXT = 1024 * 1024
LONGEST_VALUE = 256 * 1024
CUT = "$cut"
# What is shorter gains nothing by being compressed, or the row does not.
_LEAST_TO_PACK = 256
_LEAST_GAIN = 0.9


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of messages by their ids, and the texts it consists of."""

    pieces: Sequence[UUID]
    rest: Sequence[UUID]
    texts: dict[UUID, bytes]


def written(value: Any, most: int = LONGEST_VALUE) -> bytes:
    """JSON text of a value, the same for equal values; of what is too large, an object that has its beginning."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):
        text = json.dumps(to_storable(value), sort_keys=True, ensure_ascii=False, default=str).encode()
    if len(text) <= most:
        return text
    beginning = text[:most].decode("utf-8", "ignore")
    return orjson.dumps({CUT: beginning, "size": len(text)})


def address_of(developer_id: UUID, content: bytes) -> UUID:
    """The id of a text of this developer: half of a SHA-256 of both."""
    return UUID(bytes=sha256(developer_id.bytes + content).digest()[:_ID_BYTES])


def listed(developer_id: UUID, messages: Iterable[Any]) -> Listed:
    """The messages as a call refers to them."""
    texts: dict[UUID, bytes] = {}

    def kept(content: bytes) -> UUID:
        text_id = address_of(developer_id, content)
        texts[text_id] = content
        return text_id

    ids = [kept(written(message, LONGEST_TEXT)) for message in messages]
    whole = len(ids) - len(ids) % PIECE
    pieces = [kept(joined(ids[start : start + PIECE])) for start in range(0, whole, PIECE)]
    return Listed(pieces, ids[whole:], texts)


def joined(ids: Iterable[UUID]) -> bytes:
    """The text of a piece."""
    return b"".join(text_id.bytes for text_id in ids)


def ids_in(piece: bytes) -> list[UUID]:
    """The messages that a piece lists."""
    return [UUID(bytes=piece[start : start + _ID_BYTES]) for start in range(0, len(piece), _ID_BYTES)]


def packed(text: bytes) -> tuple[bytes, bool]:
    """The text as a row has it, and whether that is compressed."""
    if len(text) < _LEAST_TO_PACK:
        return text, False
    smaller = zlib.compress(text, 1)
    return (smaller, True) if len(smaller) < len(text) * _LEAST_GAIN else (text, False)


def unpacked(content: bytes, *, is_packed: bool) -> bytes:
    """The text of a row."""
    return zlib.decompress(content) if is_packed else bytes(content)
