"""What clients of OpenAI send for files and vector stores. What is not known here is refused."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from docs_store.api.openai.surfaces import (
    BATCHES_OF_FILES,
    CHANGES_OF_FILES_IN_VECTOR_STORES,
    CHANGES_OF_VECTOR_STORES,
    FILES,
    FILES_IN_VECTOR_STORES,
    LIST_OF_FILES,
    LIST_OF_FILES_IN_VECTOR_STORES,
    LIST_OF_VECTOR_STORES,
    SEARCHES_IN_VECTOR_STORES,
    VECTOR_STORES,
)
from docs_store.extraction.limits import MOST_CHUNK_TOKENS
from docs_store.ingestion.starting import Chunking
from docs_store.models import ANY_PURPOSE, LONGEST_STORE_NAME
from docs_store.search.attributes import LONGEST_KEY, LONGEST_VALUE, attribute_condition, is_number
from docs_store.stores.references import FILE, parse_reference
from docs_store.stores.searching import LONGEST_QUERY, StoreQuery
from docs_store.stores.selectors import FileStatus
from docs_store.stores.services import Wanted
from julep_project.core.reading.fields import (
    LONGEST_DESCRIPTION,
    Body,
    DictOf,
    Example,
    JsonObject,
    ListOf,
    Number,
    Text,
    TextList,
    example_id,
)
from julep_project.core.reading.serializer_errors import wrong

PURPOSES = ("assistants", "batch", "fine-tune", "vision", ANY_PURPOSE, "evals")
MOST_PAIRS = 16
MOST_IN_BATCH = 2000
MOST_QUERIES = 10
MOST_RESULTS = 50
_LONGEST_ID = 64
_EITHER = "Give either file_ids or files; with files, attributes and chunking_strategy stand in each"
_IN_TWO_WAYS = "A file is there twice, with other attributes or another chunking_strategy"
_HOUR_S, _DAY_S = 3600, 24 * 3600
_FILE_ID = FILE + example_id("file")
_ATTRIBUTES = {"place": "harbour", "year": 2026}
_CHUNKING = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
_EXPIRY = {"anchor": "last_active_at", "days": 30}


class StrictBody(Body):
    """A body, or a part of one, without unknown keys."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what is not known; null counts as not given."""
        if isinstance(data, Mapping):
            unknown = [str(name) for name, value in data.items() if name not in self.fields and value is not None]
            if unknown:
                told = ErrorDetail("Extra inputs are not permitted", code="extra_forbidden")
                raise serializers.ValidationError({name: [told] for name in unknown})
        return super().to_internal_value(data)


class WholeNumber(serializers.IntegerField):
    """A whole number: neither text nor a boolean."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Pairs(DictOf):
    """A few values under names of the caller's own."""

    max_length = MOST_PAIRS
    default_error_messages: ClassVar[dict[str, Any]] = {
        "too_long": "There are too many pairs.",
        "value_error": f"Names have up to {LONGEST_KEY} characters.",
    }

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            if len(data) > MOST_PAIRS:
                self.fail("too_long")
            if any(len(str(name)) > LONGEST_KEY for name in data):
                self.fail("value_error")
        return super().to_internal_value(data)


@extend_schema_field({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]})
class AttributeValue(serializers.Field[Any, Any, Any, Any]):
    """A text, a number or a boolean."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": f"Input should be a text of up to {LONGEST_VALUE} characters, a number or a boolean"
    }

    def to_internal_value(self, data: Any) -> Any:
        fits = len(data) <= LONGEST_VALUE if isinstance(data, str) else isinstance(data, bool) or is_number(data)
        if not fits:
            self.fail("value_error")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class Metadata(Pairs):
    """Texts under names."""

    child = Text(max_length=LONGEST_VALUE)


class Attributes(Pairs):
    """What files are found by."""

    child = AttributeValue()


class FileExpiry(StrictBody):
    """When a file goes."""

    anchor = serializers.ChoiceField(choices=["created_at"])
    seconds = serializers.IntegerField(min_value=_HOUR_S, max_value=30 * _DAY_S)


class FileForm(StrictBody):
    """The fields of the form with a file."""

    surface = FILES

    file = serializers.FileField()
    purpose = serializers.ChoiceField(choices=PURPOSES)
    expires_after = FileExpiry(required=False, help_text="as `expires_after[anchor]` and `expires_after[seconds]`")


class StoreExpiry(StrictBody):
    """When a vector store that nobody uses expires."""

    anchor = serializers.ChoiceField(choices=["last_active_at"])
    days = WholeNumber(min_value=1, max_value=365)


class StaticChunking(StrictBody):
    """How long chunks are; a token is taken for four characters."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": "chunk_overlap_tokens may be up to half of max_chunk_size_tokens"
    }

    max_chunk_size_tokens = WholeNumber(min_value=100, max_value=MOST_CHUNK_TOKENS)
    chunk_overlap_tokens = WholeNumber(min_value=0)

    def validate(self, attrs: Any) -> Any:
        """The two have to fit."""
        if 2 * attrs["chunk_overlap_tokens"] > attrs["max_chunk_size_tokens"]:
            self.fail("value_error")
        return attrs


class ChunkingStrategy(StrictBody):
    """How files are cut: as docs are, or in chunks of a length."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": "`static` is for the type `static`, which needs it"
    }

    type = serializers.ChoiceField(choices=["auto", "static"])
    static = StaticChunking(required=False)

    def validate(self, attrs: Any) -> Any:
        """`static` comes with its type."""
        if (attrs["type"] == "static") != ("static" in attrs):
            self.fail("value_error")
        return attrs


class FileId(Text):
    """The id of a file."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, max_length=_LONGEST_ID, **options)


class StoreBody(StrictBody):
    """A new vector store."""

    surface = VECTOR_STORES
    example = Example(name="Tides", file_ids=[_FILE_ID], expires_after=_EXPIRY, metadata={"team": "sea"})

    name = Text(required=False, max_length=LONGEST_STORE_NAME)
    description = Text(required=False, max_length=LONGEST_DESCRIPTION)
    file_ids = ListOf(required=False, child=FileId(), max_length=MOST_IN_BATCH)
    chunking_strategy = ChunkingStrategy(required=False)
    expires_after = StoreExpiry(required=False)
    metadata = Metadata(required=False)


class StoreChanges(StrictBody):
    """Changes of a vector store; null takes away what may be missing."""

    surface = CHANGES_OF_VECTOR_STORES
    example = Example(name="Tides and moons", metadata={"team": "sea"})

    name = Text(required=False, max_length=LONGEST_STORE_NAME)
    expires_after = StoreExpiry(required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)


class StoreFileBody(StrictBody):
    """A file that is to be in a vector store."""

    surface = FILES_IN_VECTOR_STORES
    example = Example(file_id=_FILE_ID, attributes=_ATTRIBUTES, chunking_strategy=_CHUNKING)

    file_id = FileId()
    attributes = Attributes(required=False)
    chunking_strategy = ChunkingStrategy(required=False)


class AttributesBody(StrictBody):
    """New attributes of a file in a vector store."""

    surface = CHANGES_OF_FILES_IN_VECTOR_STORES
    example = Example(attributes=_ATTRIBUTES)

    attributes = Attributes(allow_null=True)


class BatchBody(StrictBody):
    """Files that are to be in a vector store: `file_ids` alike, or `files` each in its own way."""

    surface = BATCHES_OF_FILES
    example = Example(file_ids=[_FILE_ID], attributes=_ATTRIBUTES)

    file_ids = ListOf(required=False, child=FileId(), min_length=1, max_length=MOST_IN_BATCH)
    files = ListOf(required=False, child=StoreFileBody(), min_length=1, max_length=MOST_IN_BATCH)
    attributes = Attributes(required=False)
    chunking_strategy = ChunkingStrategy(required=False)

    def validate(self, attrs: Any) -> Any:
        """One of the two; a file that is there more than once is wanted in one way."""
        together = {"attributes", "chunking_strategy"} & attrs.keys()
        if ("file_ids" in attrs) == ("files" in attrs) or ("files" in attrs and together):
            raise wrong("value_error", "file_ids", text=_EITHER)
        wanted: dict[str, Any] = {}
        for each in attrs.get("files", ()):
            if wanted.setdefault(each["file_id"], each) != each:
                raise wrong("value_error", "files", text=_IN_TWO_WAYS)
        return attrs


class RankingOptions(StrictBody):
    """`none` keeps passages that resemble others."""

    ranker = serializers.ChoiceField(required=False, choices=["none", "auto", "default-2024-11-15"])
    score_threshold = Number(required=False, min_value=0, max_value=1)


class StoreSearchBody(StrictBody):
    """What to look for in a vector store."""

    surface = SEARCHES_IN_VECTOR_STORES
    example = Example(
        query="When is high tide?",
        filters={"type": "and", "filters": [{"type": "eq", "key": "place", "value": "harbour"}]},
        max_num_results=5,
        ranking_options={"score_threshold": 0.2},
    )

    query = TextList(child=Text(min_length=1, max_length=LONGEST_QUERY), min_length=1, max_length=MOST_QUERIES)
    filters = JsonObject(required=False)
    max_num_results = WholeNumber(required=False, min_value=1, max_value=MOST_RESULTS)
    ranking_options = RankingOptions(required=False)
    rewrite_query = serializers.BooleanField(required=False)


class PageQuery(StrictBody):
    """Which page of a list is asked for."""

    surface = LIST_OF_VECTOR_STORES
    example = Example(limit=20, order="desc")

    after = Text(required=False, max_length=_LONGEST_ID)
    before = Text(required=False, max_length=_LONGEST_ID)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100)
    order = serializers.ChoiceField(required=False, choices=["asc", "desc"])


class FilePageQuery(StrictBody):
    """The same of files."""

    surface = LIST_OF_FILES
    example = Example(purpose="assistants", limit=100, order="desc")

    after = Text(required=False, max_length=_LONGEST_ID)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=10_000)
    order = serializers.ChoiceField(required=False, choices=["asc", "desc"])
    purpose = Text(required=False, max_length=32)


class StoreFilePageQuery(PageQuery):
    """The same of files in a vector store."""

    surface = LIST_OF_FILES_IN_VECTOR_STORES
    example = Example(filter="completed", limit=20, order="desc")

    filter = serializers.ChoiceField(required=False, choices=FileStatus.choices)


def store_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a body says of a store, by columns."""
    columns = {name: values[name] for name in ("name", "description") if name in values}
    if "metadata" in values:
        columns["metadata"] = values["metadata"] or {}
    if "expires_after" in values:
        columns["expires_after_days"] = (values["expires_after"] or {}).get("days")
    return columns


def wanted_file(values: Mapping[str, Any], file_id: str | None = None) -> Wanted:
    """A file that is to be in a store."""
    return Wanted(
        _file_id(values["file_id"] if file_id is None else file_id),
        values.get("attributes") or {},
        _chunking(values.get("chunking_strategy")),
    )


def wanted_files(values: Mapping[str, Any]) -> list[Wanted]:
    """Those of a body with several."""
    if "files" in values:
        return [wanted_file(each) for each in values["files"]]
    return [wanted_file(values, file_id) for file_id in values.get("file_ids", ())]


def store_query(values: Mapping[str, Any]) -> StoreQuery:
    """What a search asks for.

    Raises:
        InvalidInput: its filter cannot be read.
    """
    ranking = values.get("ranking_options", {})
    asked: dict[str, Any] = {"limit": values["max_num_results"]} if "max_num_results" in values else {}
    if values.get("filters"):
        asked["matching"] = attribute_condition(values["filters"])
    return StoreQuery(
        values["query"],
        least_score=ranking.get("score_threshold", 0.0),
        is_diverse=ranking.get("ranker") != "none",
        **asked,
    )


def _file_id(text: str) -> UUID | None:
    return parse_reference(FILE, text)


def _chunking(strategy: Mapping[str, Any] | None) -> Chunking | None:
    static = (strategy or {}).get("static")
    return None if static is None else Chunking(static["max_chunk_size_tokens"], static["chunk_overlap_tokens"])
