"""What a search asks for, read from a request body or a query string."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db.models import Q
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from docs_store.models import LONGEST_CHUNK
from docs_store.search.language import DEFAULT_TAG, text_configuration
from docs_store.vectors import Floats, unit_vector
from julep_project.core.reading.fields import Body, Example, JsonObject, Text
from julep_project.core.reading.metadata_filter import metadata_condition, object_condition
from julep_project.core.reading.outside_json import read_json
from julep_project.core.reading.parsers import without_nul
from julep_project.core.reading.validation import invalid

# Chunks and vectors reach the doc's metadata through their foreign key.
_METADATA = "doc__metadata"
_LONGEST_VECTOR = 16_000
_NUMBERS = frozenset({int, float})


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One search. `text` alone, `vector` alone, or both: then the two result lists are fused.

    `vector` has length 1. `matching` is a condition on chunks and vectors by the metadata of their doc. With
    `any_word` a chunk need not hold all words of the text, as a question in a conversation would demand.
    """

    text: str | None = None
    vector: Floats | None = None
    limit: int = 10
    matching: Q = field(default_factory=Q)
    include_embeddings: bool = True
    configuration: str = "english"
    trigram_threshold: float | None = None
    confidence: float = 0.5
    mmr_strength: float = 0.5
    alpha: float = 0.5
    k_multiplier: int = 7
    any_word: bool = False


def parse_search(body: Any, *, any_word: bool = False) -> SearchQuery:
    """The search a body asks for. Its mode follows from the fields there are.

    Raises:
        InvalidInput
    """
    values = SearchBody.read(body)
    return _query(values, object_condition(values.get("metadata_filter", {}), _METADATA), any_word=any_word)


def parse_search_parameters(parameters: QueryDict) -> SearchQuery:
    """The same from a query string; a vector is a JSON list or numbers between commas.

    Raises:
        InvalidInput
    """
    names = SearchBody().fields.keys() - {"metadata_filter"}
    given = {name: without_nul(parameters[name]) for name in names if parameters.get(name)}
    return _query(SearchBody.read(given), metadata_condition(parameters, _METADATA))


def _query(values: Mapping[str, Any], matching: Q, *, any_word: bool = False) -> SearchQuery:
    if "text" not in values and "vector" not in values:
        raise invalid(("text",), "missing", msg="`text`, `vector` or both are required")
    given = {name: value for name, value in values.items() if name not in ("lang", "metadata_filter")}
    given["configuration"] = text_configuration(values.get("lang", DEFAULT_TAG))
    if "trigram_similarity_threshold" in given:
        given["trigram_threshold"] = given.pop("trigram_similarity_threshold")
    return SearchQuery(**given, matching=matching, any_word=any_word)


class LanguageTag(Text):
    """A language such as `en-US`."""

    default_error_messages: ClassVar[dict[str, Any]] = {"value_error": "Invalid ISO 639 language code."}

    def to_internal_value(self, data: Any) -> str:
        """The tag, if it names a language."""
        tag = super().to_internal_value(data)
        if text_configuration(tag) is None:
            self.fail("value_error")
        return tag


class Fraction(serializers.FloatField):
    """A finite number; `below` is a bound it must not reach."""

    default_error_messages: ClassVar[dict[str, Any]] = {"less_than": "The number is too large."}

    def __init__(self, *, below: float | None = None, **options: Any) -> None:
        self.below = below
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> float:
        number = float("nan") if isinstance(data, bool) else super().to_internal_value(data)
        if number != number:
            self.fail("invalid")
        if self.below is not None and number >= self.below:
            self.fail("less_than")
        return float(number)


@extend_schema_field({"type": "array", "items": {"type": "number"}})
class QueryVector(serializers.Field[Floats, Any, Any, Any]):
    """Numbers that point somewhere, scaled to length 1."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "list_type": "Input should be a list of numbers.",
        "value_error": "Input should be finite numbers, not all of them zero.",
        "too_long": "The list is too long.",
    }
    max_length = _LONGEST_VECTOR

    def to_internal_value(self, data: Any) -> Floats:
        numbers = _numbers_in(data) if isinstance(data, str) else data
        if not isinstance(numbers, list) or not numbers or not set(map(type, numbers)) <= _NUMBERS:
            self.fail("list_type")
        if len(numbers) > _LONGEST_VECTOR:
            self.fail("too_long")
        try:
            direction = unit_vector(numbers)
        except OverflowError:
            direction = None
        if direction is None:
            self.fail("value_error")
        return direction

    def to_representation(self, value: Floats) -> Any:
        return value


class SearchBody(Body):
    """What a client may ask for."""

    example = Example(text="high tide", limit=5)

    text = Text(required=False, max_length=LONGEST_CHUNK)
    vector = QueryVector(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=50)
    lang = LanguageTag(required=False)
    metadata_filter = JsonObject(required=False)
    include_embeddings = serializers.BooleanField(required=False)
    trigram_similarity_threshold = Fraction(required=False, min_value=0, max_value=1)
    confidence = Fraction(required=False, min_value=-1, max_value=1)
    mmr_strength = Fraction(required=False, min_value=0, below=1)
    alpha = Fraction(required=False, min_value=0, max_value=1)
    k_multiplier = serializers.IntegerField(required=False, min_value=0, max_value=100)


def _numbers_in(text: str) -> Any:
    """A list of numbers as people write one into a query string; None when it is none."""
    try:
        return read_json(text if text.lstrip().startswith("[") else f"[{text}]")
    except ValueError:
        return None
