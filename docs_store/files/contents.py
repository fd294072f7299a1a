"""Contents of files in the configured storage: written, hashed and read piece by piece, under names of our own."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from uuid import UUID

from julep_project.core.errors import BadRequest, BodyTooLarge
from julep_project.core.storage.storage import read_stored, save_new, writing

# A multiple of 4 characters of base64.
_PIECE_CHARACTERS = 4 * 64 * 1024
_IN_MEMORY_BYTES = 1024 * 1024
_NO_WHITESPACE = str.maketrans("", "", " \t\r\n")


@dataclass(frozen=True, slots=True)
class Written:
    """What is known of a stored content."""

    size: int
    sha256: str


def storage_name(developer_id: UUID, file_id: UUID) -> str:
    """Where a content lies; nothing in it comes from a client."""
    return f"files/{developer_id}/{file_id}"


def write_base64(name: str, text: str, *, max_bytes: int) -> Written:
    """Decode a base64 text, which may be broken into lines, into the storage.

    Raises:
        BadRequest: it is empty or not base64.
        BodyTooLarge: it decodes to more than `max_bytes`.
        StorageUnavailable: there is no room for it.
    """
    return write_pieces(name, _decoded(text.translate(_NO_WHITESPACE)), max_bytes=max_bytes)


def write_pieces(name: str, pieces: Iterable[bytes], *, max_bytes: int) -> Written:
    """Write a content into the storage.

    Raises:
        BadRequest: it is empty.
        BodyTooLarge: it is more than `max_bytes`.
        StorageUnavailable: there is no room for it.
    """
    digest = hashlib.sha256()
    with writing(), SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
        for piece in pieces:
            digest.update(piece)
            spool.write(piece)
            if spool.tell() > max_bytes:
                raise BodyTooLarge(f"The file is larger than the limit of {max_bytes} bytes")
        size = spool.tell()
        if not size:
            raise BadRequest("content must not be empty")
        spool.seek(0)
        save_new(name, spool)
    return Written(size, digest.hexdigest())


def read_base64(name: str, *, size: int) -> str:
    """A stored content of this size as base64.

    Raises:
        StorageUnavailable, ContentMissing: the storage does not give it now, or does not have it (any more).
    """
    return base64.b64encode(read_stored(name, size=size)).decode()


def _decoded(text: str) -> Iterator[bytes]:
    for start in range(0, len(text), _PIECE_CHARACTERS):
        piece = text[start : start + _PIECE_CHARACTERS]
        if "=" in piece and start + _PIECE_CHARACTERS < len(text):
            raise BadRequest("content is not valid base64")
        try:
            yield base64.b64decode(piece, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("content is not valid base64") from None
