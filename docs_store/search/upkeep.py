"""Upkeep of what searches read: words stored by a version before, and what the planner knows of the tables."""

import time

from django.db import connection, transaction

from agents.llm.own.hashing import HASHING, embed_text
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding
from docs_store.search.embedded_text import passage_text
from docs_store.search.indexing import VERSION, search_vector
from julep_project.core.database import execute, fetch, without_limits

_AT_ONCE = 100
_FOR_S = 20.0

_TABLES = [model._meta.db_table for model in (Doc, Chunk, Embedding, DocEmbedding)]
# Tables of which a good part was written since somebody looked at them.
_CHANGED = """
    SELECT relname FROM pg_stat_user_tables
    WHERE relid = ANY (SELECT to_regclass(unnest(%s::text[]))) AND n_mod_since_analyze > 1000 + 0.2 * n_live_tup
"""
_PENDING_WORDS = "SELECT gin_clean_pending_list(to_regclass(current_schema() || '.chunk_words'))"


def renew_words() -> int:
    """Store the words of chunks anew that a version before has stored, for a while; how many were renewed.

    Until then text search finds such chunks by the words of then. Vectors of `offline/hashing` are made anew
    too, which costs nothing: those of before have another scale.
    """
    until = time.monotonic() + _FOR_S
    renewed = 0
    while (count := _renew_some()) and time.monotonic() < until:
        renewed += count
    return renewed + count


def refresh_statistics() -> list[str]:
    """Let the planner look at tables that have changed much, as after a bulk load; the tables.

    Postgres does so by itself, but late, and until then the first searches may take the wrong way.
    """
    changed = [name for (name,) in fetch(_CHANGED, [_TABLES])]
    if changed:
        with without_limits():
            execute(f"ANALYZE (SKIP_LOCKED) {', '.join(map(connection.ops.quote_name, changed))}")
            execute(_PENDING_WORDS)
    return changed


@transaction.atomic
def _renew_some() -> int:
    """Chunks that somebody removes right now are passed over."""
    old = (
        Chunk.objects.filter(search_version__lt=VERSION)
        .order_by("pk")
        .select_for_update(skip_locked=True, of=("self",))
    )
    chunks = list(old.select_related("doc").defer("search")[:_AT_ONCE])
    for chunk in chunks:
        chunk.search = search_vector(chunk.doc.title, chunk.content)
        chunk.search_version = VERSION
    Chunk.objects.bulk_update(chunks, ["search", "search_version"])
    vectors = list(Embedding.objects.filter(chunk__in=chunks, model=HASHING).only("pk", "chunk_id"))
    texts = {chunk.pk: passage_text(chunk) for chunk in chunks}
    for vector in vectors:
        vector.vector = embed_text(texts[vector.chunk_id])
    Embedding.objects.bulk_update(vectors, ["vector"])
    return len(chunks)
