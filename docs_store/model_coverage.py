"""Which models docs get vectors of, and how docs that were there before a model get their place in its queue."""

from uuid import UUID

import psycopg.errors
from django.db import OperationalError, transaction

from julep_project.core.database import execute

_COVERED_AT_ONCE = 5000

# Held shared by whoever stores a doc, until it is committed.
_MODELS_LOCK = 0x646F6373
_LONGEST_WAIT = "500ms"

# Docs in the order of their ids, from where the last call ended. One that is locked, because it is on its way out, is
# passed over.
_COVER_NEXT = f"""
    WITH next AS MATERIALIZED (
        SELECT d.id FROM docs_store_doc d
        WHERE d.id > coalesce((SELECT covered_to FROM docs_store_embeddingmodel WHERE name = %(model)s),
                              '00000000-0000-0000-0000-000000000000')
        ORDER BY d.id LIMIT {_COVERED_AT_ONCE}
    ), placed AS (
        INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error)
        SELECT d.id, %(model)s, 'pending', 0, '' FROM docs_store_doc d WHERE d.id IN (SELECT id FROM next)
        FOR KEY SHARE OF d SKIP LOCKED
        ON CONFLICT DO NOTHING
    )
    UPDATE docs_store_embeddingmodel SET covered_to = (SELECT id FROM next ORDER BY id DESC LIMIT 1)
    WHERE name = %(model)s AND EXISTS (SELECT FROM next)
"""

_COVER_DEVELOPER = """
    INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error)
    SELECT d.id, m.name, 'pending', 0, '' FROM docs_store_doc d CROSS JOIN docs_store_embeddingmodel m
    WHERE d.developer_id = %(developer)s
    ON CONFLICT DO NOTHING
"""

_MARK_COVERED = """
    UPDATE docs_store_embeddingmodel SET covered_at = now() WHERE name = %(model)s AND NOT EXISTS (
        SELECT FROM docs_store_doc d WHERE NOT EXISTS (
            SELECT FROM docs_store_docembedding e WHERE e.doc_id = d.id AND e.model_id = %(model)s))
"""

_BEGIN_AGAIN = "UPDATE docs_store_embeddingmodel SET covered_to = NULL WHERE name = %(model)s"


def register_model(name: str) -> None:
    """From now on docs get vectors of this model too. Those that are stored already wait for `cover_model`."""
    execute("INSERT INTO docs_store_embeddingmodel (name) VALUES (%(model)s) ON CONFLICT DO NOTHING", {"model": name})


def hold_models() -> None:
    """Say that a doc is being stored, until the transaction ends; whatever model it does not know waits for it."""
    execute("SELECT pg_advisory_xact_lock_shared(%(key)s)", {"key": _MODELS_LOCK})


def cover_model(name: str) -> bool:
    """Let docs that were there before the model wait for its vectors, some at a time. True: none is left out."""
    if execute(_COVER_NEXT, {"model": name}) or not _all_know_models():
        return False
    if execute(_MARK_COVERED, {"model": name}):
        return True
    execute(_BEGIN_AGAIN, {"model": name})
    return False


def cover_docs_of(developer_id: UUID) -> None:
    """Let docs that this transaction stored wait for the vectors of all models that they have none of."""
    hold_models()
    execute(_COVER_DEVELOPER, {"developer": developer_id})


def _all_know_models() -> bool:
    """Whether all docs that do not know the models there are now are stored. Docs that are stored meanwhile wait for
    the answer, which therefore comes soon."""
    try:
        with transaction.atomic():
            execute(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT}'")
            execute("SELECT pg_advisory_xact_lock(%(key)s)", {"key": _MODELS_LOCK})
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return False
        raise
    return True
