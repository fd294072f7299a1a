"""Zip archives. What one says of itself is checked before anything is unpacked."""

import zipfile
from typing import BinaryIO

from docs_store.extraction.errors import ENCRYPTED, FileProblem, damaged, too_large
from docs_store.extraction.limits import MOST_ENTRIES, MOST_UNPACKED_BYTES, MOST_XML_BYTES

_ENCRYPTED_FLAG = 1


def checked(content: BinaryIO) -> zipfile.ZipFile:
    """The archive, if it is one of bearable size. No more of an entry is ever unpacked than it says it holds."""
    try:
        archive = zipfile.ZipFile(content)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise damaged("The archive", error) from error
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise too_large(f"The archive has {len(entries)} entries; at most {MOST_ENTRIES} are read")
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise FileProblem(ENCRYPTED, "The document is encrypted and needs a password")
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED_BYTES:
        raise too_large(f"The document unpacks to more than {MOST_UNPACKED_BYTES} bytes")
    if any(entry.file_size > MOST_XML_BYTES for entry in entries if entry.filename.endswith((".xml", ".rels"))):
        raise too_large(f"A part of the document unpacks to more than {MOST_XML_BYTES} bytes")
    return archive
