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
# Cover density looks at where the words stand, which takes long for many words in many chunks. So many chunks, those
# that have most of the words most often, are ranked by it.
_RANKED_CLOSELY = 400
# Divides a rank by itself plus one, which keeps it between 0 and 1.
_BOUNDED = 32
# A dash before a word excludes it. Several without a word between them are punctuation; Postgres, which passes over
# what stands between them, would fail on a row of more than thirty.
_DASHES = re.compile(r'-(?:[^\w"-]*-)+')
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
    chunks = Chunk.objects.for_developer(developer).filter(owned_by(owners)).filter(query.matching)
    terms = _Terms(query)
    roughly = terms.ranked(terms.matching(chunks), closely=False).values("pk")

    def first(size: int) -> "QuerySet[Any]":
        among = Chunk.objects.filter(pk__in=roughly[: max(_RANKED_CLOSELY, size)])
        return terms.ranked(among, closely=True).values_list("doc_id", "pk", "rank")[:size]

    return best_per_doc(first, wanted * _CHUNKS_PER_DOC, enough=wanted)[:wanted]


class _Terms:
    """What is searched for, as expressions."""

    def __init__(self, query: SearchQuery) -> None:
        assert query.text is not None
        self._words = _words(query, query.text)
        self._vector = _vector(query.configuration)
        self._threshold = None if query.trigram_threshold is None or not has_trigrams() else query.trigram_threshold
        self._likeness = Greatest(_likeness(query.text, "content"), _likeness(query.text, "doc__title"))

    def matching(self, chunks: "QuerySet[Chunk]") -> "QuerySet[Any]":
        """The chunks that have the words, or letters alike."""
        has_words = Q(words=self._words)
        if self._threshold is None:
            return chunks.annotate(words=self._vector).filter(has_words)
        is_alike = Q(likeness__gte=self._threshold)
        return chunks.annotate(words=self._vector, likeness=self._likeness).filter(has_words | is_alike)

    def ranked(self, chunks: "QuerySet[Any]", *, closely: bool) -> "QuerySet[Any]":
        """The chunks with their rank, best first."""
        rank: Any = SearchRank(self._vector, self._words, normalization=_BOUNDED, cover_density=closely)
        if self._threshold is not None:
            rank = Coalesce(rank, Value(0.0)) + self._likeness * Value(_TRIGRAM_WEIGHT)
        ranked: QuerySet[Any] = chunks.annotate(rank=rank).order_by("-rank", "pk")
        return ranked


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
