"""Contents of files in the configured storage: written, hashed and read piece by piece, under names of our own."""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from django.core.files import File as Content
from django.core.files.storage import default_storage

from julep_project.core.errors import BadRequest, BodyTooLarge, ServiceUnavailable

# A multiple of 4 characters of base64, and of 3 bytes of what they stand for.
_PIECE_CHARACTERS = 4 * 64 * 1024
_PIECE_BYTES = 3 * 64 * 1024
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
    """
    digest = hashlib.sha256()
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
        for piece in _decoded(text.translate(_NO_WHITESPACE)):
            digest.update(piece)
            spool.write(piece)
            if spool.tell() > max_bytes:
                raise BodyTooLarge(f"The file is larger than the limit of {max_bytes} bytes")
        size = spool.tell()
        if not size:
            raise BadRequest("content must not be empty")
        spool.seek(0)
        _save(name, spool)
    return Written(size, digest.hexdigest())


def read_base64(name: str) -> str:
    """A stored content as base64.

    Raises:
        ServiceUnavailable: the storage does not have it (any more) or does not answer.
    """
    try:
        with default_storage.open(name) as content:
            pieces = iter(lambda: content.read(_PIECE_BYTES), b"")
            return "".join(base64.b64encode(piece).decode() for piece in pieces)
    except OSError as error:
        raise ServiceUnavailable("The content of the file cannot be read from the storage") from error


def remove(name: str) -> None:
    """Delete a content; that it is gone already is no error."""
    default_storage.delete(name)


def _save(name: str, spool: "IO[bytes]") -> None:
    stored = default_storage.save(name, Content(spool))
    if stored != name:
        default_storage.delete(stored)
        raise ServiceUnavailable("The storage holds another content under the name of this file")


def _decoded(text: str) -> Iterator[bytes]:
    for start in range(0, len(text), _PIECE_CHARACTERS):
        piece = text[start : start + _PIECE_CHARACTERS]
        if "=" in piece and start + _PIECE_CHARACTERS < len(text):
            raise BadRequest("content is not valid base64")
        try:
            yield base64.b64decode(piece, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("content is not valid base64") from None
