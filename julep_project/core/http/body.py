"""Reads an answer's body piece by piece: undoes gzip and deflate, and stops at the first byte over the limit."""

import zlib
from collections.abc import Iterable, Iterator

from julep_project.core.http.errors import BadResponse, TooLarge

_PIECE = 64 * 1024
_GZIP = 31
_ZLIB = 15
_RAW_DEFLATE = -15
_MOST_CODINGS = 3
# Gzip data may have several parts, each of which costs time even when it holds nothing.
_MOST_PARTS = 1000


def read_body(chunks: Iterable[bytes], codings: str, limit: int) -> bytes:
    """The decoded body. Codings beside gzip and deflate are left as they came.

    Raises:
        TooLarge: it has more than `limit` bytes, as sent or decoded.
        BadResponse: it is not what its coding says.
    """
    pieces = _bounded(chunks, limit)
    for coding in known_codings(codings):
        pieces = _bounded(_inflate(pieces, coding), limit)
    return b"".join(pieces)


def known_codings(header: str) -> list[str]:
    """The codings of `Content-Encoding` to undo, the last applied first, up to one that is not known.

    Raises:
        BadResponse: there are too many.
    """
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
    inflater = Inflater(coding)
    for piece in pieces:
        yield from inflater.feed(piece)
    yield from inflater.end()


class Inflater:
    """Undoes gzip or deflate in pieces of bounded size, so that a small bomb never becomes one big text in memory."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inflater: zlib._Decompress | None = None
        self._parts = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What one more piece holds.

        Raises:
            BadResponse: it is not what its coding says.
        """
        rest = piece
        while rest:
            inflater = self._inflater = self._inflater or self._new_part(rest)
            yield self._next(inflater, rest)
            rest = inflater.unconsumed_tail
            if inflater.eof:
                rest, self._inflater = inflater.unused_data, None
                if self._coding == "deflate":
                    break

    def end(self) -> Iterator[bytes]:
        """What is still held when the last piece was taken in but its output did not fit.

        Raises:
            BadResponse: the data is not complete.
        """
        inflater = self._inflater
        while inflater is not None and not inflater.eof:
            piece = self._next(inflater, inflater.unconsumed_tail)
            if not piece:
                raise BadResponse(f"the answer ends in the middle of its {self._coding} data")
            yield piece

    def _new_part(self, start: bytes) -> "zlib._Decompress":
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise BadResponse(f"the answer has more than {_MOST_PARTS:,} parts of {self._coding}")
        return zlib.decompressobj(_window(self._coding, start))

    def _next(self, inflater: "zlib._Decompress", rest: bytes) -> bytes:
        try:
            return inflater.decompress(rest, _PIECE)
        except zlib.error as error:
            raise BadResponse(f"the answer is not valid {self._coding}") from error


def _window(coding: str, start: bytes) -> int:
    """`deflate` should mean the zlib format; some servers send bare deflate data."""
    if coding != "deflate":
        return _GZIP
    return _ZLIB if start[0] & 0x0F == 8 else _RAW_DEFLATE
