"""Text search: any word of the text counts, the more the rarer it is among the owner's chunks.

Up to `EXACT_CHUNKS` chunks of an owner (after the filter) are ranked one by one. Of more, the index gives those that
have each term, up to a limit, and the most promising of them are ranked. Likeness of letters is for the former only.
"""

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from agents.models import Developer
from docs_store.models import Chunk
from docs_store.owners import Owner, owned_by
from docs_store.search.candidates import Candidate
from docs_store.search.query import SearchQuery
from docs_store.search.sql import Sql
from docs_store.search.terms import wanted_by
from docs_store.search.text_statements import TextStatements
from julep_project.core.database import execute, fetch, has_more_than

EXACT_CHUNKS = 1000
# Of more terms, the longest are looked up in the index.
MOST_BY_INDEX = 24

# The index is used for the terms whatever the statistics say.
_PLANNER = {"enable_seqscan": "off", "enable_indexscan": "off"}


def find_text(developer: Developer, owners: Sequence[Owner], query: SearchQuery, wanted: int) -> list[Candidate]:
    """The docs whose words fit best, best first; the score is from 0 to 1, more is better."""
    assert query.text is not None
    asked = wanted_by(query.text, query.configuration, operators=not query.any_word)
    chunks = Chunk.objects.for_developer(developer).filter(owned_by(owners)).filter(query.matching)
    is_small = not has_more_than(chunks, EXACT_CHUNKS)
    threshold = query.trigram_threshold
    if threshold is not None and not (is_small and has_trigrams()):
        threshold = None
    if not asked.terms and threshold is None:
        return []
    if is_small:
        return _candidates(TextStatements(chunks, asked, wanted).exact(query.text, threshold))
    asked = replace(asked, terms=asked.terms[:MOST_BY_INDEX])
    with transaction.atomic():
        calls = ", ".join(["set_config(%s, %s, true)"] * len(_PLANNER))
        execute(f"SELECT {calls}", [part for setting in _PLANNER.items() for part in setting])
        return _candidates(TextStatements(chunks, asked, wanted).by_index())


def has_trigrams() -> bool:
    """Whether `pg_trgm` is installed in this database."""
    return bool(fetch("SELECT to_regprocedure('word_similarity(text, text)') IS NOT NULL")[0][0])


def _candidates(statement: Sql) -> list[Candidate]:
    return [Candidate(*row) for row in fetch(statement.text, statement.parameters)]
