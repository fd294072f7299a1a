"""The file itself: a gzipped tar of plain members one after the other, written and read piece by piece.

Only what the writer writes is read: ordinary files with names of a known form, and at the end the digest of everything
before. Nothing is unpacked to a disk, so a name or a size leads to nothing by itself.
"""

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from julep_project.archive.errors import ArchiveRefused
from julep_project.core.reading.jsontext import to_json_text

MANIFEST, END = "manifest.json", "end.json"
LARGEST_ROW = 64 * 1024 * 1024
# Which a header has digits for.
LARGEST_MEMBER = 8**11 - 1
_LARGEST_TEXT = 4 * 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE
_PIECE = 64 * 1024
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z]+)?|([a-z0-9_-]+/){1,3}[a-z0-9_-]+(\.[a-z]+)?")
_CUT_SHORT = "The archive is cut short"
_DAMAGED = "The archive is damaged"


class Writer:
    """Writes the members of a new archive. It has its name once it is complete, and only its owner may read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._raw = os.fdopen(descriptor, "wb")
        self._file = gzip.GzipFile("", "wb", compresslevel=6, fileobj=self._raw, mtime=0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self._end()
        finally:
            self._raw.close()
            self._part.unlink(missing_ok=True)

    def add(self, name: str, content: IO[bytes], size: int) -> None:
        """Write one member; the content has this size.

        Raises:
            ArchiveRefused: it is larger than any member.
        """
        if size > LARGEST_MEMBER:
            raise ArchiveRefused(f"{name} has {size} bytes: a content in an archive has at most {LARGEST_MEMBER}")
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._write(info.tobuf(tarfile.USTAR_FORMAT))
        while piece := content.read(_PIECE):
            self._write(piece)
        self._write(bytes(-size % _BLOCK))

    def add_json(self, name: str, value: Any) -> None:
        text = to_json_text(value).encode()
        self.add(name, io.BytesIO(text), len(text))

    def _end(self) -> None:
        self.add_json(END, {"sha256": self._digest.hexdigest()})
        self._write(bytes(2 * _BLOCK))
        self._file.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._part.rename(self._path)

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


@dataclass(frozen=True, slots=True)
class Member:
    """One member. Its content is there until the next one is asked for."""

    name: str
    size: int
    content: "Content"

    def json(self) -> Any:
        """Its value, where it is a short text.

        Raises:
            ArchiveRefused
        """
        if self.size > _LARGEST_TEXT:
            raise ArchiveRefused(f"{self.name} is too large")
        try:
            return json.loads(self.content.read())
        except (ValueError, RecursionError) as error:
            raise ArchiveRefused(f"{self.name} is not JSON") from error

    def lines(self) -> Iterator[bytes]:
        """Its lines, without their ends.

        Raises:
            ArchiveRefused: one is longer than any row, or the last one has no end.
        """
        row = bytearray()
        while piece := self.content.read(_PIECE):
            first, *others = piece.split(b"\n")
            row += first
            if len(row) > LARGEST_ROW:
                raise ArchiveRefused(f"A row in {self.name} is longer than any row")
            if others:
                *whole, rest = others
                yield from (bytes(row), *whole)
                row = bytearray(rest)
        if row:
            raise ArchiveRefused(f"The last row in {self.name} is not whole")


class Content:
    """What one member holds."""

    def __init__(self, stream: "_Stream", size: int) -> None:
        self._stream = stream
        self.left = size

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer only at the end."""
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        return self._stream.exactly(size)

    def pieces(self) -> Iterator[bytes]:
        """All that is left, bit by bit."""
        while piece := self.read(_PIECE):
            yield piece


def read_members(file: IO[bytes], *, most_bytes: int) -> Iterator[Member]:
    """The members of an archive from its beginning. The last of them was told once nothing is wrong with the whole.

    Raises:
        ArchiveRefused: it is cut short, damaged, none of ours, or unpacks to more than `most_bytes`.
    """
    file.seek(0)
    stream = _Stream(gzip.GzipFile(fileobj=file, mode="rb"), most_bytes)
    while True:
        digest = stream.digest
        name, size = _header(stream.exactly(_BLOCK))
        member = Member(name, size, Content(stream, size))
        if name == END:
            said = member.json()
            if not isinstance(said, dict) or said.get("sha256") != digest:
                raise ArchiveRefused("The archive is not what was written: its SHA-256 is another one")
            stream.exactly(-size % _BLOCK)
            if stream.exactly(2 * _BLOCK).strip(b"\0") or not stream.is_at_end():
                raise ArchiveRefused(_DAMAGED)
            return
        yield member
        for _ in member.content.pieces():
            """What nobody wanted."""
        stream.exactly(-size % _BLOCK)


class _Stream:
    """The unpacked bytes, counted."""

    def __init__(self, file: gzip.GzipFile, most_bytes: int) -> None:
        self._file = file
        self._left = self._most = most_bytes
        self._sha256 = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of what was read."""
        return self._sha256.copy().hexdigest()

    def exactly(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ArchiveRefused(f"The archive unpacks to more than {self._most} bytes")
        data = self._read(size)
        if len(data) < size:
            raise ArchiveRefused(_CUT_SHORT)
        self._sha256.update(data)
        return data

    def is_at_end(self) -> bool:
        """Whether nothing follows. Only now the checksum of the packed file was looked at."""
        return not self._read(1)

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except EOFError as error:
            raise ArchiveRefused(_CUT_SHORT) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ArchiveRefused(_DAMAGED) from error


def _header(block: bytes) -> tuple[str, int]:
    """Name and size of the member that begins with this block."""
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise ArchiveRefused(_DAMAGED) from error
    if info.type != tarfile.REGTYPE or info.size < 0 or not _NAME.fullmatch(info.name):
        raise ArchiveRefused("The archive has a member of a kind that is not in archives of developers")
    return info.name, info.size
