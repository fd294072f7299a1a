"""Bodies this app reads, and the objects it answers with."""

from typing import Any

from rest_framework import serializers

from docs_store.models import LONGEST_CHUNK, LONGEST_TITLE, EmbeddingState
from julep_project.core.reading.fields import LONGEST_DESCRIPTION, Body, JsonObject, Text, TextList, Timestamp

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

    title = Text(min_length=1, max_length=LONGEST_TITLE)
    content = TextList(min_length=1, max_length=MOST_CHUNKS, child=ChunkText(max_length=LONGEST_CHUNK))
    metadata = JsonObject(required=False)
    embed_instruction = Text(required=False, max_length=LONGEST_DESCRIPTION)


class DocAnswer(DocBody):
    """A doc, for the API description."""

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

    metadata_filter = JsonObject(required=False)
    delete_all = serializers.BooleanField(required=False)


class EmbedBody(Body):
    """Texts to make vectors of."""

    text = TextList(min_length=1, max_length=MOST_TEXTS, child=Text(max_length=LONGEST_CHUNK))
    embed_instruction = Text(required=False, max_length=LONGEST_DESCRIPTION)


class EmbedAnswer(Body):
    """A vector for each text."""

    vectors = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class DocOwner(Body):
    """Whose doc it is."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=["agent", "user"])


class Snippet(Body):
    """The chunk that fits best."""

    index = serializers.IntegerField()
    content = Text()
    embedding = serializers.ListField(child=serializers.FloatField(), required=False, allow_null=True)


class DocReference(Body):
    """A doc a search found."""

    id = serializers.UUIDField()
    owner = DocOwner()
    title = Text()
    snippet = Snippet()
    distance = serializers.FloatField()
    metadata = JsonObject()


class SearchAnswer(Body):
    """What a search found, and the seconds it took."""

    docs = DocReference(many=True)
    time = serializers.FloatField()
