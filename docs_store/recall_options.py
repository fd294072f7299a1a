"""Recall options of a session: how docs are looked up for its chats."""

from collections.abc import Mapping
from typing import Any

from django.db.models import TextChoices
from rest_framework import serializers

from docs_store.search.query import SearchBody
from julep_project.core.reading.fields import Answer

# Fields of a search that have no place in recall options: the conversation gives them.
_GIVEN_BY_CHAT = ("text", "vector")

_FOR_ALL = ("num_search_messages", "max_query_length", "limit", "lang", "metadata_filter", "include_embeddings")
_FOR_TEXT = ("trigram_similarity_threshold",)
_FOR_VECTOR = ("confidence", "mmr_strength")
_FOR_HYBRID = (*_FOR_TEXT, *_FOR_VECTOR, "alpha", "k_multiplier")

_DEFAULTS: Mapping[str, Any] = {
    "num_search_messages": 4,
    "max_query_length": 1000,
    "limit": 10,
    "lang": "en-US",
    "metadata_filter": {},
    "include_embeddings": True,
    "trigram_similarity_threshold": None,
    "confidence": 0.5,
    "mmr_strength": 0.5,
    "alpha": 0.5,
    "k_multiplier": 7,
}


class Mode(TextChoices):
    """Which search is made."""

    TEXT = "text"
    VECTOR = "vector"
    HYBRID = "hybrid"


_FIELDS: Mapping[str, tuple[str, ...]] = {
    Mode.TEXT: (*_FOR_ALL, *_FOR_TEXT),
    Mode.VECTOR: (*_FOR_ALL, *_FOR_VECTOR),
    Mode.HYBRID: (*_FOR_ALL, *_FOR_HYBRID),
}


class RecallOptionsBody(SearchBody):
    """What a client may set."""

    mode = serializers.ChoiceField(required=False, choices=Mode.choices)
    num_search_messages = serializers.IntegerField(required=False, min_value=1, max_value=50)
    max_query_length = serializers.IntegerField(required=False, min_value=100, max_value=10_000)

    def get_fields(self) -> dict[str, Any]:
        """Those of a search, without what is searched for."""
        fields = super().get_fields()
        return {name: field for name, field in fields.items() if name not in _GIVEN_BY_CHAT}


class RecallOptionsAnswer(Answer, RecallOptionsBody):
    """The options that count, which depend on the mode."""

    nullable = frozenset(_FOR_TEXT)
    sometimes = frozenset(_FOR_HYBRID)


def complete_recall_options(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that count: those of the mode (`vector` if none is given), each given or by default."""
    chosen = {**_DEFAULTS, **(given or {})}
    mode = Mode(chosen.get("mode", Mode.VECTOR))
    return {"mode": mode.value, **{name: chosen[name] for name in _FIELDS[mode]}}


def search_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that a search body has."""
    known = SearchBody().fields.keys()
    return {name: value for name, value in options.items() if name in known}
