"""What clients of OpenAI are answered, for the API description."""

from typing import Any

from rest_framework import serializers

from docs_store.api.openai.bodies import PURPOSES, Attributes, Metadata
from docs_store.stores.selectors import FileStatus
from julep_project.core.api.api_schema import page_of
from julep_project.core.reading.fields import Answer, Text


class FileObject(Answer):
    """A file."""

    nullable = frozenset({"expires_at"})

    id = Text()
    object = serializers.ChoiceField(choices=["file"])
    bytes = serializers.IntegerField()
    created_at = serializers.IntegerField()
    expires_at = serializers.IntegerField()
    filename = Text()
    purpose = serializers.ChoiceField(choices=PURPOSES)
    status = serializers.ChoiceField(choices=["processed"])


class Counted(Answer):
    """How many files stand where."""

    in_progress = serializers.IntegerField()
    completed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    failed = serializers.IntegerField()
    total = serializers.IntegerField()


class StoreExpires(Answer):
    """When a vector store that nobody uses expires."""

    anchor = serializers.ChoiceField(choices=["last_active_at"])
    days = serializers.IntegerField()


class StoreObject(Answer):
    """A vector store."""

    nullable = frozenset({"expires_after", "expires_at"})

    id = Text()
    object = serializers.ChoiceField(choices=["vector_store"])
    created_at = serializers.IntegerField()
    name = Text()
    usage_bytes = serializers.IntegerField()
    file_counts = Counted()
    status = serializers.ChoiceField(choices=["expired", "in_progress", "completed"])
    expires_after = StoreExpires(allow_null=True)
    expires_at = serializers.IntegerField()
    last_active_at = serializers.IntegerField()
    metadata = Metadata()


class LastError(Answer):
    """Why a file could not be read."""

    code = serializers.ChoiceField(choices=["server_error", "unsupported_file", "invalid_file"])
    message = Text()


class StaticLength(Answer):
    """How long chunks are."""

    max_chunk_size_tokens = serializers.IntegerField()
    chunk_overlap_tokens = serializers.IntegerField()


class ChunkingObject(Answer):
    """How a file is cut."""

    type = serializers.ChoiceField(choices=["static"])
    static = StaticLength()


class StoreFileObject(Answer):
    """A file in a vector store."""

    nullable = frozenset({"last_error"})

    id = Text()
    object = serializers.ChoiceField(choices=["vector_store.file"])
    created_at = serializers.IntegerField()
    vector_store_id = Text()
    status = serializers.ChoiceField(choices=FileStatus.choices)
    last_error = LastError(allow_null=True)
    usage_bytes = serializers.IntegerField()
    attributes = Attributes()
    chunking_strategy = ChunkingObject()


class BatchObject(Answer):
    """Files that were put into a vector store together."""

    id = Text()
    object = serializers.ChoiceField(choices=["vector_store.files_batch"])
    created_at = serializers.IntegerField()
    vector_store_id = Text()
    status = serializers.ChoiceField(choices=["in_progress", "completed", "cancelled", "failed"])
    file_counts = Counted()


class TextContent(Answer):
    """A passage."""

    type = serializers.ChoiceField(choices=["text"])
    text = Text()


class FoundObject(Answer):
    """The passage of a file that fits best."""

    file_id = Text()
    filename = Text()
    score = serializers.FloatField(help_text="0 to 1")
    attributes = Attributes()
    content = TextContent(many=True)


def _whole(name: str, kind: str, row: Any, **others: Any) -> Any:
    """A page that is never followed by another one."""
    kinds = {"object": serializers.ChoiceField(choices=[kind])}
    more = {"has_more": serializers.BooleanField(), "next_page": Text(allow_null=True)}
    return page_of(name, row, "data", **kinds, **others, **more)


def list_of(name: str, row: Any) -> Any:
    """The list object of such rows."""
    ends = {"first_id": Text(allow_null=True), "last_id": Text(allow_null=True)}
    kinds = {"object": serializers.ChoiceField(choices=["list"])}
    return page_of(name, row, "data", **kinds, **ends, has_more=serializers.BooleanField())


def deleted_of(kind: str) -> Any:
    """What the removal of such a row is answered with."""
    noun = kind.removesuffix(".deleted").title()
    fields = {
        "id": Text(),
        "object": serializers.ChoiceField(choices=[kind]),
        "deleted": serializers.BooleanField(),
        "__doc__": "It is gone.",
    }
    return type(f"{noun.replace('_', '').replace('.', '')}Deleted", (Answer,), fields)


FOUND = _whole(
    "found_passages",
    "vector_store.search_results.page",
    FoundObject,
    search_query=serializers.ListField(child=Text()),
)
CONTENT = _whole("file_texts", "vector_store.file_content.page", TextContent)
