"""Bodies this app reads, and the objects it answers with."""

from typing import Any

from rest_framework import serializers

from docs_store.models import LONGEST_CHUNK, LONGEST_TITLE, EmbeddingState
from julep_project.core.reading.fields import (
    LONGEST_DESCRIPTION,
    Answer,
    Body,
    Example,
    JsonObject,
    Text,
    TextList,
    Timestamp,
)

MOST_CHUNKS = 10_000
MOST_TEXTS = 100


class ChunkText(Text):
    """A text that holds more than white space: nothing else can be searched for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.strip():
            self.fail("min_length", min_length=1)
        return text


class DocBody(Body):
    """What a client may say about a doc."""

    example = Example(title="Tides", content=["High tide is at noon."], metadata={"team": "sea"})

    title = Text(min_length=1, max_length=LONGEST_TITLE)
    content = TextList(min_length=1, max_length=MOST_CHUNKS, child=ChunkText(max_length=LONGEST_CHUNK))
    metadata = JsonObject(required=False)
    embed_instruction = Text(required=False, max_length=LONGEST_DESCRIPTION)


class FileDocBody(Body):
    """What a client may say about a doc whose content is read in a file that is stored already."""

    file_id = serializers.UUIDField()
    title = Text(required=False, min_length=1, max_length=LONGEST_TITLE)
    content = TextList(required=False, max_length=0, help_text="is read in the file")
    metadata = JsonObject(required=False)
    embed_instruction = Text(required=False, max_length=LONGEST_DESCRIPTION)


class UploadBody(Body):
    """The fields of a form with such a file."""

    file = serializers.FileField(allow_empty_file=True, max_length=None)
    title = Text(required=False, min_length=1, max_length=LONGEST_TITLE)
    metadata = JsonObject(required=False, help_text="JSON")
    embed_instruction = Text(required=False, max_length=LONGEST_DESCRIPTION)


class ChunkPlace(Body):
    """Where in its file a chunk stands."""

    page = serializers.IntegerField(required=False)
    heading = Text(required=False)


class DocAnswer(Answer, DocBody):
    """A doc as it is answered."""

    sometimes = frozenset({"content_metadata"})
    # It is told to the embedding model and to nobody else.
    embed_instruction = None  # type: ignore[assignment]

    content = TextList(help_text="the chunks; none while a file is being read")
    content_metadata = serializers.ListField(
        child=ChunkPlace(allow_null=True), required=False, help_text="one for each chunk, of a doc read in a file"
    )

    id = serializers.UUIDField()
    created_at = Timestamp()
    embeddings = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()), allow_null=True)
    embedding_state = serializers.ChoiceField(choices=EmbeddingState.choices)
    embedding_model = Text()
    embedding_dimensions = serializers.IntegerField()
    modality = Text()
    language = Text()


class BulkDeleteBody(Body):
    """Which docs to remove."""

    example = Example(metadata_filter={"team": "sea"})

    metadata_filter = JsonObject(required=False)
    delete_all = serializers.BooleanField(required=False)


class EmbedBody(Body):
    """Texts to make vectors of."""

    example = Example(text=["When is high tide?"])

    text = TextList(min_length=1, max_length=MOST_TEXTS, child=Text(max_length=LONGEST_CHUNK))
    embed_instruction = Text(required=False, max_length=LONGEST_DESCRIPTION)


class EmbedAnswer(Answer):
    """A vector for each text."""

    vectors = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class DocOwner(Answer):
    """Whose doc it is."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=["agent", "user"])


class Snippet(Answer):
    """The chunk that fits best."""

    sometimes = frozenset({"embedding", "metadata"})

    index = serializers.IntegerField()
    content = Text()
    embedding = serializers.ListField(child=serializers.FloatField(), required=False, allow_null=True)
    metadata = ChunkPlace(required=False)


class DocReference(Answer):
    """A doc a search found."""

    id = serializers.UUIDField()
    owner = DocOwner()
    title = Text()
    snippet = Snippet()
    distance = serializers.FloatField()
    metadata = JsonObject()


class SearchAnswer(Answer):
    """What a search found, and the seconds it took."""

    docs = DocReference(many=True)
    time = serializers.FloatField()
