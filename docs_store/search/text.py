"""Text search: Postgres full text, and trigrams where the extension is installed."""

import re
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.search import SearchQuery as TextQuery
from django.contrib.postgres.search import SearchRank, SearchVector
from django.db import connection
from django.db.models import F, FloatField, Func, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest

from agents.models import Developer
from docs_store.models import Chunk
from docs_store.owners import Owner, owned_by
from docs_store.search.candidates import Candidate, best_per_doc
from docs_store.search.language import DEFAULT_CONFIGURATION
from docs_store.search.query import SearchQuery

_CHUNKS_PER_DOC = 4
# Divides a rank by itself plus one, which keeps it between 0 and 1.
_BOUNDED = 32
# A dash before a word excludes it. Several are punctuation; Postgres would fail on a row of more than thirty.
_DASHES = re.compile(r"-(?:\s*-)+")
# What likeness of letters is worth beside a match of words.
_TRIGRAM_WEIGHT = 0.1


class AnyWord(TextQuery):
    """A query that one of the words of a text is enough for. Operators in the text are words like others."""

    def as_sql(self, *arguments: Any, **options: Any) -> Any:
        """The query of all words, with "or" between them."""
        statement, parameters = super().as_sql(*arguments, **options)
        return f"replace({statement}::text, ' & ', ' | ')::tsquery", parameters


def find_text(developer: Developer, owners: Sequence[Owner], query: SearchQuery, wanted: int) -> list[Candidate]:
    """The docs whose words fit best, best first; the score is a rank, more is better."""
    assert query.text is not None
    chunks = Chunk.objects.for_developer(developer).filter(owned_by(owners)).filter(query.matching)
    ranked = _matched(chunks, query, query.text).order_by("-rank", "pk").values_list("doc_id", "pk", "rank")
    return best_per_doc(ranked, wanted * _CHUNKS_PER_DOC, enough=wanted)[:wanted]


def _matched(chunks: "QuerySet[Chunk]", query: SearchQuery, text: str) -> "QuerySet[Any]":
    words = _words(query, text)
    vector = _vector(query.configuration)
    rank = SearchRank(vector, words, normalization=_BOUNDED, cover_density=True)
    chunks = chunks.annotate(words=vector)
    if query.trigram_threshold is None or not has_trigrams():
        return chunks.filter(words=words).annotate(rank=rank)
    likeness = Greatest(_likeness(text, "content"), _likeness(text, "doc__title"))
    return (
        chunks.annotate(likeness=likeness)
        .filter(Q(words=words) | Q(likeness__gte=query.trigram_threshold))
        .annotate(rank=Coalesce(rank, Value(0.0)) + F("likeness") * Value(_TRIGRAM_WEIGHT))
    )


def has_trigrams() -> bool:
    """Whether `pg_trgm` is installed in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure('word_similarity(text, text)') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def _words(query: SearchQuery, text: str) -> Any:
    if query.any_word:
        return AnyWord(text, config=query.configuration)
    return TextQuery(_DASHES.sub(" ", text), config=query.configuration, search_type="websearch")


def _vector(configuration: str) -> Any:
    """The words of title and chunk: stored for English, found on the fly for other languages."""
    if configuration == DEFAULT_CONFIGURATION:
        return F("search")
    title = SearchVector("doc__title", config=configuration, weight="A")
    return title + SearchVector("content", config=configuration, weight="B")


def _likeness(text: str, column: str) -> Any:
    return Func(Value(text), F(column), function="word_similarity", output_field=FloatField())
