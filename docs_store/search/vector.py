"""Vector search: cosine distance, exact for small owners, over the model's index for large ones."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Cast
from pgvector.django import CosineDistance, HalfVectorField

from agents.models import Developer
from docs_store.models import Embedding
from docs_store.owners import Owner, owned_by
from docs_store.search.candidates import Candidate, best_per_doc
from docs_store.search.query import SearchQuery
from docs_store.selectors import stored_dimensions
from docs_store.vector_index import LONGEST_INDEXED
from docs_store.vectors import Floats
from julep_project.core.database import has_more_than
from julep_project.core.reading.validation import invalid

# Up to so many vectors are compared one by one: exact, and faster than an index that has to be filtered.
EXACT_VECTORS = 4000

# How far the index is searched before and while rows of other owners are passed over.
_INDEX_SETTINGS = {
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "100",
    "hnsw.max_scan_tuples": "40000",
    "hnsw.scan_mem_multiplier": "2",
    # Without sorts the planner has to take the order from the index.
    "enable_sort": "off",
}
_INDEX_ROUNDS = 2

_CHUNKS_PER_DOC = 4
# Numbers of four bytes put the distance of a vector to itself at this or less.
_ROUNDING = 1e-6
# With fewer rows than this the index would miss too many neighbours.
_FEWEST_BY_INDEX = 40


def find_vector(developer: Developer, owners: Sequence[Owner], query: SearchQuery, wanted: int) -> list[Candidate]:
    """The docs whose vectors point the same way, closest first; the score is the cosine distance.

    Raises:
        InvalidInput: the vector has not as many numbers as those it is compared with.
    """
    assert query.vector is not None
    check_length(query.vector)
    rows = Embedding.objects.for_developer(developer).filter(owned_by(owners), model=settings.EMBEDDING_MODEL)
    rows = rows.filter(query.matching)
    if not has_more_than(rows, EXACT_VECTORS) or len(query.vector) > LONGEST_INDEXED:
        found = _exact(rows, query.vector, wanted)
    else:
        found = _by_index(rows, query.vector, wanted, enough=query.limit)
    farthest = 1 - query.confidence + _ROUNDING
    close = [candidate for candidate in found if candidate.score <= farthest]
    return sorted(close, key=lambda candidate: candidate.score)[:wanted]


def dimensions() -> int:
    """How many numbers the vectors of the model in use have."""
    return stored_dimensions(settings.EMBEDDING_MODEL) or int(settings.EMBEDDING_DIMENSIONS)


def check_length(vector: Floats) -> None:
    """Make sure that the vector can be compared with those stored.

    Raises:
        InvalidInput
    """
    wanted = dimensions()
    if len(vector) != wanted:
        message = f"Input should have {wanted} numbers, not {len(vector)}"
        fix = f"Use a vector of {settings.EMBEDDING_MODEL}; POST /embed makes one"
        raise invalid(("vector",), "value_error", msg=message, received=f"{len(vector)} numbers", fix=fix)


def _exact(rows: "QuerySet[Any]", vector: Floats, wanted: int) -> list[Candidate]:
    ranked = rows.annotate(distance=CosineDistance("vector", vector)).order_by("distance", "chunk_id")
    ranked = ranked.values_list("doc_id", "chunk_id", "distance")
    return best_per_doc(lambda size: ranked[:size], wanted * _CHUNKS_PER_DOC, enough=wanted)


def _by_index(rows: "QuerySet[Any]", vector: Floats, wanted: int, *, enough: int) -> list[Candidate]:
    """Order by the rounded vectors of the index, then by the real distance.

    The index may miss neighbours, and every row it gives is dear: of the docs wanted, `enough` will do. When it runs
    dry before there are as many, all are compared.
    """
    rounded = Cast("vector", HalfVectorField(dimensions=len(vector)))
    ranked = rows.annotate(distance=CosineDistance("vector", vector), place=CosineDistance(rounded, vector))
    ranked = ranked.order_by("place").values_list("doc_id", "chunk_id", F("distance"))
    with transaction.atomic(), connection.cursor() as cursor:
        calls = ", ".join(["set_config(%s, %s, true)"] * len(_INDEX_SETTINGS))
        cursor.execute(f"SELECT {calls}", [part for setting in _INDEX_SETTINGS.items() for part in setting])
        size = max(_FEWEST_BY_INDEX, wanted)
        found = best_per_doc(lambda size: ranked[:size], size, enough=enough, rounds=_INDEX_ROUNDS)
    return found if len(found) >= enough else _exact(rows, vector, wanted)
