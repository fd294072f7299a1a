"""A form with a file, as the beginning of a doc."""

from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from agents.models import Developer
from docs_store.api.serializers import UploadBody
from docs_store.ingestion.starting import ingest_upload
from docs_store.models import Doc
from docs_store.owners import Owner
from julep_project.core.reading.parsers import without_nul

_FIELDS = ("title", "metadata", "embed_instruction")


def upload_of(developer: Developer, owner: Owner, form: QueryDict) -> tuple[Doc, UUID]:
    """The doc, and the job that reads the file. A field that is left empty is not given.

    Raises:
        InvalidInput: a field is wrong, or there is no file.
        and what `ingest_upload` raises.
    """
    data: dict[str, Any] = {name: without_nul(form[name]) for name in _FIELDS if form.get(name)}
    if isinstance(form.get("file"), UploadedFile | str):
        data["file"] = form["file"]
    values = UploadBody.read(data)
    file: Any = values["file"]
    return ingest_upload(
        developer=developer,
        owner=owner,
        pieces=file.chunks(),
        name=without_nul(file.name or ""),
        mime_type=file.content_type,
        values=values,
    )
