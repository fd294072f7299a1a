"""`/v1/files`: the files of `/files`, in forms and whole."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from docs_store.api.file_views import MIME_TYPE
from docs_store.api.openai.answers import FileObject, deleted_of, list_of
from docs_store.api.openai.bodies import FileForm, FilePageQuery
from docs_store.api.openai.pages import listed, read_page, read_query
from docs_store.files import services
from docs_store.models import LONGEST_FILE_NAME, File
from docs_store.stores.references import FILE, parse_reference, reference
from docs_store.stores.wire import seconds
from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiViewSet
from julep_project.core.database import give_connection_back
from julep_project.core.errors import BadRequest, ContentMissing, NotFound
from julep_project.core.reading.multipart import MultipartParser
from julep_project.core.reading.parsers import JsonParser, without_nul

_MOST = 10_000
_DAY_S = 24 * 3600
# What OpenAI says of such files.
_LIVES_S = {"batch": 30 * _DAY_S}
_EXPIRY = ("anchor", "seconds")
_LONGEST_TYPE = 120
_TAG: Any = {"tags": ["files"]}


def file_to_wire(file: File) -> dict[str, Any]:
    """The file object."""
    return {
        "id": reference(FILE, file.pk),
        "object": "file",
        "bytes": file.size,
        "created_at": seconds(file.created_at),
        "expires_at": None if file.expires_at is None else seconds(file.expires_at),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }


class OpenaiFileViewSet(ApiViewSet):
    """`/v1/files`, `/v1/files/{file}` and what is in one."""

    resource = "File"
    parser_classes = (MultipartParser, JsonParser)

    @takes(FilePageQuery)
    @extend_schema(**_TAG, operation_id="openai_file_list", responses={200: list_of("openai_files", FileObject)})
    def listing(self, request: Request) -> Response:
        """Files, newest first; `purpose` narrows the list."""
        asked = read_query(FilePageQuery, request.query_params)
        rows = services.list_files(self.developer)
        if "purpose" in asked:
            rows = rows.filter(purpose=asked["purpose"])
        return Response(listed(*read_page(rows, asked, prefix=FILE, usual=_MOST), file_to_wire))

    @extend_schema(
        **_TAG,
        operation_id="openai_file_create",
        request={"multipart/form-data": FileForm},
        responses={200: FileObject},
    )
    def create(self, request: Request) -> Response:
        """Store a file that is sent in a form."""
        values = FileForm.read(_form(request.data))
        sent: Any = values["file"]
        purpose = values["purpose"]
        lives_s = values["expires_after"]["seconds"] if "expires_after" in values else _LIVES_S.get(purpose)
        described = {"name": _name(sent), "mime_type": _mime_type(sent), "purpose": purpose, "lives_s": lives_s}
        file = services.create_uploaded_file(developer=self.developer, pieces=sent.chunks(), values=described)
        return Response(file_to_wire(file))

    @extend_schema(**_TAG, operation_id="openai_file_retrieve", responses={200: FileObject})
    def retrieve(self, request: Request, file: str) -> Response:
        """One file, without its content."""
        return Response(file_to_wire(self._file(file)))

    @extend_schema(
        **_TAG,
        operation_id="openai_file_content",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def content(self, request: Request, file: str) -> HttpResponse:
        """The content of a file, as it was sent."""
        row = self._file(file)
        give_connection_back()
        try:
            content = services.read_content(row.developer_id, row.pk, row.size)
        except ContentMissing:
            # It was removed meanwhile, perhaps.
            self._file(file)
            raise
        answer = HttpResponse(content, content_type="application/octet-stream")
        answer["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(row.name, safe='')}"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    @extend_schema(**_TAG, operation_id="openai_file_delete", request=None, responses={200: deleted_of("file")})
    def destroy(self, request: Request, file: str) -> Response:
        """Remove a file, also from the vector stores it is in."""
        row = self._file(file)
        services.delete_file(developer=self.developer, file_id=row.pk)
        return Response({"id": reference(FILE, row.pk), "object": "file", "deleted": True})

    def _file(self, text: str) -> File:
        file_id: UUID | None = parse_reference(FILE, text)
        if file_id is None:
            raise NotFound("File not found")
        return services.get_file(self.developer, file_id)


def _form(data: Any) -> Mapping[str, Any]:
    """The fields of a form, of which each is there once.

    Raises:
        BadRequest: it is none, or a field is there several times.
    """
    if not isinstance(data, QueryDict):
        raise BadRequest("Send the file in a form: multipart/form-data")
    fields: dict[str, Any] = {}
    for name, values in data.lists():
        if len(values) != 1:
            raise BadRequest(f"The form has the field {without_nul(name)[:80]!r} several times")
        value = values[0]
        fields[name] = value if isinstance(value, UploadedFile) else without_nul(value)
    expiry = {part: fields.pop(f"expires_after[{part}]") for part in _EXPIRY if f"expires_after[{part}]" in fields}
    return {**fields, "expires_after": expiry} if expiry else fields


def _name(sent: Any) -> str:
    return without_nul(sent.name or "")[:LONGEST_FILE_NAME] or "file"


def _mime_type(sent: Any) -> str | None:
    """What the form says of it, where that can be one."""
    said = (sent.content_type or "").partition(";")[0].strip()
    return said if len(said) <= _LONGEST_TYPE and re.fullmatch(MIME_TYPE, said, re.ASCII) else None
