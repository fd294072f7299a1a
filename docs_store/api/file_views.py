"""Files."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from docs_store.files import contents, services
from docs_store.models import File
from julep_project.core.api.api_schema import describe
from julep_project.core.api.page_bytes import LARGEST_PAGE_BYTES
from julep_project.core.api.pagination import BareListPagination
from julep_project.core.api.query import PROJECT
from julep_project.core.api.views import ApiViewSet, created, deleted
from julep_project.core.clock import to_wire
from julep_project.core.database import give_connection_back
from julep_project.core.errors import BadRequest, ContentMissing, StorageUnavailable
from julep_project.core.reading.fields import (
    LONGEST_DESCRIPTION,
    Answer,
    Body,
    CanonicalName,
    Example,
    Pattern,
    SafeName,
    Text,
    Timestamp,
)

MIME_TYPE = r"[\w!#$%&'*+.^`|~-]+/[\w!#$%&'*+.^`|~-]+"


class FileBody(Body):
    """What a client sends to store a file."""

    example = Example(name="tides.txt", mime_type="text/plain", content="SGlnaCBhdCBub29u")

    name = SafeName(min_length=1)
    description = Text(required=False, max_length=LONGEST_DESCRIPTION)
    mime_type = Pattern(MIME_TYPE, required=False, max_length=120)
    project = CanonicalName(required=False)
    content = Text(help_text="base64")


class FileAnswer(Answer, FileBody):
    """A file as it is answered."""

    nullable = frozenset({"content", "description", "mime_type"})

    name = Text(help_text="of a file that came in a form whatever it was called")  # type: ignore[assignment]
    id = serializers.UUIDField()
    created_at = Timestamp()
    updated_at = Timestamp()
    size = serializers.IntegerField(help_text="bytes of the decoded content")
    hash = Text(help_text="SHA-256 of the decoded content, in hexadecimal")


def file_to_wire(file: File) -> dict[str, Any]:
    """The file object with its content. Reads `file.project`: load it with the file.

    Raises:
        StorageUnavailable, ContentMissing: the content cannot be read.
    """
    return _without_content(file) | {
        "content": contents.read_base64(contents.storage_name(file.developer_id, file.pk), size=file.size),
    }


def _listed(file: File) -> dict[str, Any]:
    """The file object for a list: a content that cannot be read is null there, and does not hide the other files."""
    try:
        return file_to_wire(file)
    except (StorageUnavailable, ContentMissing):
        return _without_content(file) | {"content": None}


def _without_content(file: File) -> dict[str, Any]:
    return {
        "id": str(file.pk),
        "created_at": to_wire(file.created_at),
        "updated_at": to_wire(file.updated_at),
        "name": file.name,
        "description": file.description,
        "mime_type": file.mime_type,
        "project": file.project.canonical_name,
        "size": file.size,
        "hash": file.sha256,
    }


@describe("file", body=FileBody, answer=FileAnswer, max_limit=100, bare=True, query=[PROJECT])
class FileViewSet(ApiViewSet):
    """`/files` and `/files/{id}`."""

    resource = "File"

    def list(self, request: Request) -> Response:
        """Files, newest first, as a bare array; `project` narrows the list."""
        rows = services.list_files(self.developer)
        project = request.query_params.get("project")
        if project:
            rows = rows.filter(project__canonical_name__iexact=project)
        paginator = BareListPagination()
        page: list[File] = paginator.paginate_queryset(rows, request)
        total = sum(file.size for file in page)
        if total > LARGEST_PAGE_BYTES and len(page) > 1:
            raise BadRequest(f"The files of this page hold {total} bytes together; ask for fewer with limit")
        give_connection_back()
        return paginator.get_paginated_response([_listed(file) for file in page])

    def create(self, request: Request) -> Response:
        """Store a file."""
        file = services.create_file(developer=self.developer, values=FileBody.read(request.data))
        return created(file_to_wire(file))

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One file."""
        file = services.get_file(self.developer, id)
        try:
            return Response(file_to_wire(file))
        except ContentMissing:
            # A file that was removed meanwhile is as any other that is not there.
            services.get_file(self.developer, id)
            raise

    def destroy(self, request: Request, id: UUID) -> Response:
        """Remove a file."""
        services.delete_file(developer=self.developer, file_id=id)
        return deleted(id)
