"""Reads an answer's body piece by piece: undoes gzip and deflate, and stops at the first byte over the limit."""

import zlib
from collections.abc import Iterable, Iterator

from julep_project.core.http.errors import BadResponse, TooLarge

_PIECE = 64 * 1024
_GZIP = 31
_ZLIB = 15
_RAW_DEFLATE = -15
_MOST_CODINGS = 3


def read_body(chunks: Iterable[bytes], codings: str, limit: int) -> bytes:
    """The decoded body. Codings beside gzip and deflate are left as they came.

    Raises:
        TooLarge: it has more than `limit` bytes, as sent or decoded.
        BadResponse: it is not what its coding says.
    """
    pieces = _bounded(chunks, limit)
    for coding in _known_codings(codings):
        pieces = _bounded(_inflate(pieces, coding), limit)
    return b"".join(pieces)


def _known_codings(header: str) -> list[str]:
    """Codings to undo, the last applied first."""
    names = [name.strip().lower() for name in header.split(",") if name.strip()]
    if len(names) > _MOST_CODINGS:
        raise BadResponse("the answer is encoded too many times over")
    known = []
    for name in reversed(names):
        if name not in {"gzip", "x-gzip", "deflate", "identity"}:
            break
        known.append(name)
    return [name for name in known if name != "identity"]


def _bounded(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise TooLarge(f"the answer has more than {limit} bytes (setting JULEP_HTTP_MAX_BYTES)")
        yield piece


def _inflate(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Decompress in pieces of bounded size, so that a small bomb never becomes one big text in memory."""
    inflater = None
    for piece in pieces:
        rest = piece
        while rest:
            inflater = inflater or zlib.decompressobj(_window(coding, rest))
            try:
                yield inflater.decompress(rest, _PIECE)
            except zlib.error as error:
                raise BadResponse(f"the answer is not valid {coding}") from error
            rest = inflater.unconsumed_tail
            if inflater.eof:
                rest, inflater = inflater.unused_data, None
                if coding == "deflate":
                    break
    if inflater is not None:
        yield from _flushed(inflater, coding)


def _flushed(inflater: "zlib._Decompress", coding: str) -> Iterator[bytes]:
    """What the inflater still holds when the last piece was taken in but its output did not fit."""
    while not inflater.eof:
        try:
            piece = inflater.decompress(inflater.unconsumed_tail, _PIECE)
        except zlib.error as error:
            raise BadResponse(f"the answer is not valid {coding}") from error
        if not piece:
            raise BadResponse(f"the answer ends in the middle of its {coding} data")
        yield piece


def _window(coding: str, start: bytes) -> int:
    """`deflate` should mean the zlib format; some servers send bare deflate data."""
    if coding != "deflate":
        return _GZIP
    return _ZLIB if start[0] & 0x0F == 8 else _RAW_DEFLATE
