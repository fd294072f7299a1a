"""Stored files that items refer to: found where the database may be read, read once it is known that they are sent."""

import mimetypes
from collections.abc import Iterable, Iterator, Mapping, Sequence

from agents.models import Developer
from docs_store.files import contents
from docs_store.files.services import list_files
from docs_store.models import File
from docs_store.stores.references import FILE, parse_reference
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.json_value import Json
from sessions.responses.wire.errors import at

Message = dict[str, Json]

MOST_BYTES = 32 * 1024 * 1024
_ANY_TYPE = "application/octet-stream"
_NOT_AT_HAND = {"type": "text", "text": "[A file was sent here that is not at hand any more.]"}


def find_files(
    developer: Developer, before: Iterable[Mapping[str, Json]], items: Iterable[Mapping[str, Json]]
) -> dict[str, File]:
    """The rows of the files that messages name. What was said `before` may name files that have been deleted since.

    Raises:
        NotFound: `items` name a file that is not there.
    """
    needed = set(_file_ids(items))
    keys = {file_id: parse_reference(FILE, file_id) for file_id in needed.union(_file_ids(before))}
    wanted = [key for key in keys.values() if key is not None]
    rows = {row.pk: row for row in list_files(developer).filter(pk__in=wanted)} if wanted else {}
    found = {file_id: rows[key] for file_id, key in keys.items() if key in rows}
    for file_id in needed:
        if file_id not in found:
            raise at(NotFound(f"File '{file_id[:80]}' not found"), "input")
    return found


def stored_file_part(part: Mapping[str, Json]) -> Message:
    """The part of a message that names a stored file instead of holding it."""
    if part["type"] == "input_image":
        image = {"url": "stored", "detail": part["detail"], "file_id": part["file_id"]}
        return {"type": "image_url", "image_url": image}
    return {"type": "file", "file": {"filename": part.get("filename"), "file_id": part["file_id"]}}


def with_contents(messages: Sequence[Message], files: Mapping[str, File], *, may_cut: bool) -> list[Message]:
    """The messages with the contents of the files they name. Reads the file storage.

    A file that is not among `files` has been deleted, which is told in words. So are the oldest of too many, when
    `may_cut` says so.

    Raises:
        BadRequest: together the files are too large to be sent to a model.
        StorageUnavailable, ContentMissing: the storage does not give a content.
    """
    sent = {file_id: _data_url(files[file_id]) for file_id in _sendable(messages, files, may_cut=may_cut)}
    return [_filled(message, files, sent) for message in messages]


def _sendable(messages: Sequence[Message], files: Mapping[str, File], *, may_cut: bool) -> set[str]:
    """Those of the files that are sent, chosen from the newest message on; the last one has to have all of its own."""
    chosen: set[str] = set()
    left = MOST_BYTES
    for message in reversed(messages):
        named = {name for part in _parts(message) if (name := _named_by(part)) and name in files} - chosen
        left -= sum(files[name].size for name in named)
        if left >= 0:
            chosen |= named
        elif may_cut and message is not messages[-1]:
            break
        else:
            fix = "Send fewer at once, and let go of earlier ones with truncation: auto"
            raise at(BadRequest(f"The files are larger than {MOST_BYTES >> 20} MiB together", fix=fix), "input")
    return chosen


def _filled(message: Message, files: Mapping[str, File], sent: Mapping[str, str]) -> Message:
    if not any(map(_named_by, _parts(message))):
        return message
    return {**message, "content": [_with_content(part, files, sent) for part in message["content"]]}


def _with_content(part: Message, files: Mapping[str, File], sent: Mapping[str, str]) -> Message:
    file_id = _named_by(part)
    if file_id is None:
        return part
    if file_id not in sent:
        return _NOT_AT_HAND
    if part["type"] == "image_url":
        return {"type": "image_url", "image_url": {"url": sent[file_id], "detail": part["image_url"]["detail"]}}
    name = part["file"]["filename"] or files[file_id].name
    return {"type": "file", "file": {"filename": name, "file_data": sent[file_id]}}


def _parts(message: Message) -> list[Message]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _named_by(part: Message) -> str | None:
    """The id of the stored file a part names, if it does."""
    given = part[part["type"]]
    return given.get("file_id") if isinstance(given, dict) else None


def _file_ids(items: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    for item in items:
        parts = item.get("content") if item["type"] == "message" else item.get("output")
        if isinstance(parts, list):
            yield from (part["file_id"] for part in parts if "file_id" in part)


def _data_url(file: File) -> str:
    mime_type = file.mime_type or mimetypes.guess_type(file.name)[0] or _ANY_TYPE
    content = contents.read_base64(contents.storage_name(file.developer_id, file.pk), size=file.size)
    return f"data:{mime_type};base64,{content}"
