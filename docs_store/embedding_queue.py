"""Which docs wait for vectors of which model, and who works on them. The rows decide; messages only announce them.

Somebody may delete docs at any moment, in any order. So nobody here waits for the lock of a row while holding that of
another one: where several are meant, rows that are locked are passed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from agents.models import Developer
from docs_store.models import DocEmbedding, EmbeddingState
from julep_project.core.clock import DatabaseNow
from julep_project.core.leases import LeaseKeeper
from julep_project.core.rings import ring

EMBED_CHUNKS = "docs_store.embed_chunks"
MAX_ATTEMPTS = 12
_LONGEST_PAUSE_S = 300
# What failed is tried once more after so long, and so many docs in each sweep.
_FAILED_FOR_S = 3600
_REVIVED_AT_ONCE = 20

# Docs of one tenant that are embedded together, so that short ones share calls of the model.
_DOCS_PER_CLAIM = 32
_COVERED_AT_ONCE = 5000
_RUNG_AT_ONCE = 200

# Held shared by whoever stores a doc: no model can be called covered while a doc that does not know it is on its way.
_MODELS_LOCK = 0x646F6373

_DUE = "e.state = 'pending' AND e.due_at <= now() AND (e.lease_until IS NULL OR e.lease_until < now())"

_CLAIM = f"""
    WITH asked AS (
        SELECT e.id, e.model_id, e.attempts, d.developer_id
        FROM docs_store_docembedding e JOIN docs_store_doc d ON d.id = e.doc_id
        WHERE {_DUE} AND (%(doc)s::uuid IS NULL OR e.doc_id = %(doc)s::uuid)
          AND (%(model)s::text IS NULL OR e.model_id = %(model)s::text)
        ORDER BY e.due_at LIMIT 1 FOR UPDATE OF e SKIP LOCKED),
    company AS (
        SELECT e.id
        FROM docs_store_docembedding e JOIN docs_store_doc d ON d.id = e.doc_id
             JOIN asked a ON a.model_id = e.model_id AND a.developer_id = d.developer_id
        WHERE {_DUE} AND a.attempts = 0 AND e.attempts = 0 AND e.id <> a.id
        ORDER BY e.due_at LIMIT {_DOCS_PER_CLAIM - 1} FOR UPDATE OF e SKIP LOCKED)
    UPDATE docs_store_docembedding SET
        version = version + 1, attempts = attempts + 1, rung_at = now(),
        lease_until = now() + make_interval(secs => %(lease)s)
    WHERE id IN (SELECT id FROM asked UNION ALL SELECT id FROM company)
    RETURNING id, doc_id, version, attempts, model_id, (SELECT developer_id FROM asked)
"""

_NOT_COVERED = """
    FROM docs_store_doc d
    WHERE NOT EXISTS (SELECT 1 FROM docs_store_docembedding e WHERE e.doc_id = d.id AND e.model_id = %(model)s)
"""

_COVER = f"""
    INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error)
    SELECT d.id, %(model)s, 'pending', 0, '' {_NOT_COVERED}
    LIMIT {_COVERED_AT_ONCE} FOR KEY SHARE OF d SKIP LOCKED
    ON CONFLICT DO NOTHING
"""

_HELD = """
    SELECT e.id FROM docs_store_docembedding e
    JOIN unnest(%(ids)s::bigint[], %(versions)s::int[]) AS held(id, version) USING (id, version)
    WHERE e.state = 'pending' FOR NO KEY UPDATE OF e
"""

_IS_HELD = """
    SELECT EXISTS (
        SELECT 1 FROM docs_store_docembedding e
        JOIN unnest(%(ids)s::bigint[], %(versions)s::int[]) AS held(id, version) USING (id, version)
        WHERE e.state = 'pending')
"""

# With its doc locked, a row is not on its way out, and neither are the doc's chunks. A renewed lease does not disturb.
_LOCK_HELD = """
    SELECT d.id FROM docs_store_docembedding e
    JOIN unnest(%(ids)s::bigint[], %(versions)s::int[]) AS held(id, version) USING (id, version)
    JOIN docs_store_doc d ON d.id = e.doc_id
    WHERE e.state = 'pending' FOR KEY SHARE OF d, e SKIP LOCKED
"""

_IS_COMPLETE = """
    NOT EXISTS (SELECT 1 FROM docs_store_chunk c WHERE c.doc_id = docs_store_docembedding.doc_id AND NOT EXISTS (
        SELECT 1 FROM docs_store_embedding v
        WHERE v.chunk_id = c.id AND v.model = docs_store_docembedding.model_id))
"""


@dataclass(frozen=True, slots=True)
class ClaimedDoc:
    """A doc whose vectors are being made. `row` and `version` together are the right to write them."""

    row: int
    doc_id: UUID
    version: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Docs of one tenant, claimed to get vectors of one model."""

    developer_id: UUID
    model: str
    docs: tuple[ClaimedDoc, ...]

    def each(self) -> "list[Claim]":
        """A claim for every doc by itself."""
        return [Claim(self.developer_id, self.model, (doc,)) for doc in self.docs]

    def pairs(self) -> dict[str, list[int]]:
        """What a statement needs to touch only what is still held."""
        return {"ids": [doc.row for doc in self.docs], "versions": [doc.version for doc in self.docs]}


def register_model(name: str) -> None:
    """From now on docs get vectors of this model too. Those that are stored already wait for `cover_model`."""
    _execute("INSERT INTO docs_store_embeddingmodel (name) VALUES (%(model)s) ON CONFLICT DO NOTHING", model=name)


def enqueue(doc_id: UUID) -> None:
    """Let a new doc wait for its vectors, in the transaction that stores it, and ring when that has committed."""
    _execute("SELECT pg_advisory_xact_lock_shared(%(key)s)", key=_MODELS_LOCK)
    register_model(settings.EMBEDDING_MODEL)
    _execute(
        "INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error, rung_at) "
        "SELECT %(doc)s, name, 'pending', 0, '', now() FROM docs_store_embeddingmodel",
        doc=doc_id,
    )
    transaction.on_commit(lambda: ring(EMBED_CHUNKS, doc_id))


def cover_model(name: str) -> bool:
    """Let docs that were there before the model wait for its vectors, some at a time. True: none is left out."""
    if _execute(_COVER, model=name):
        return False
    with transaction.atomic():
        _execute("SELECT pg_advisory_xact_lock(%(key)s)", key=_MODELS_LOCK)
        covered = _execute(
            f"UPDATE docs_store_embeddingmodel SET covered_at = now() "
            f"WHERE name = %(model)s AND NOT EXISTS (SELECT 1 {_NOT_COVERED})",
            model=name,
        )
    return covered > 0


def claim(*, doc_id: UUID | None = None, model: str | None = None) -> Claim | None:
    """Claim a doc that is due (this one, any one of the model) and others that can share its calls; None: none is."""
    arguments = {"doc": doc_id, "model": model, "lease": settings.LEASE_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, arguments)
        rows = cursor.fetchall()
    if not rows:
        return None
    docs = tuple(ClaimedDoc(*row[:4]) for row in rows)
    return Claim(developer_id=rows[0][5], model=rows[0][4], docs=docs)


def is_held(claimed: Claim) -> bool:
    """Whether any doc of the claim is still held."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_HELD, claimed.pairs())
        return bool(cursor.fetchone()[0])


def lock_held(claimed: Claim) -> set[UUID]:
    """Docs of the claim that are still held and not about to go; they stay until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HELD, claimed.pairs())
        return {doc_id for (doc_id,) in cursor.fetchall()}


def count_anew(claimed: Claim) -> None:
    """Vectors were stored: this attempt counts as the first one."""
    if claimed.docs[0].attempt > 1:
        _update_held(claimed, "attempts = 1")


def finish(claimed: Claim) -> None:
    """The docs that have all their vectors are ready; any others are due when the lease runs out."""
    _release(claimed, "state = 'ready', error = ''", only=_IS_COMPLETE)


def give_up(claimed: Claim, error: str) -> None:
    """The docs get no vectors for now; `revive_due` lets them have another attempt."""
    _release(claimed, f"state = 'failed', due_at = {_after(_FAILED_FOR_S)}, error = %(error)s", error=error)


def postpone(claimed: Claim, error: str) -> None:
    """Try again after 1 s, 2 s, 4 s and so on; after the last attempt, give up."""
    pause = f"least({_LONGEST_PAUSE_S}, 2 ^ (attempts - 1))"
    _release(
        claimed,
        f"""state = CASE WHEN attempts < {MAX_ATTEMPTS} THEN 'pending' ELSE 'failed' END,
            due_at = CASE WHEN attempts < {MAX_ATTEMPTS} THEN {_after(pause)} ELSE {_after(_FAILED_FOR_S)} END,
            error = %(error)s""",
        error=error,
    )


def revive(model: str) -> int:
    """Let docs whose vectors failed wait for them as if they were new; how many there were."""
    failed = DocEmbedding.objects.filter(model=model, state=EmbeddingState.FAILED)
    return failed.update(state=EmbeddingState.PENDING, attempts=0, due_at=DatabaseNow())


def revive_due() -> int:
    """Let docs that failed some time ago have one more attempt, a few at a time; how many there were."""
    return _execute(
        f"""
        WITH failed AS MATERIALIZED (
            SELECT e.id FROM docs_store_docembedding e WHERE e.state = 'failed' AND e.due_at <= now()
            ORDER BY e.due_at LIMIT {_REVIVED_AT_ONCE} FOR UPDATE SKIP LOCKED)
        UPDATE docs_store_docembedding SET state = 'pending', attempts = {MAX_ATTEMPTS - 1}, due_at = now()
        WHERE id IN (SELECT id FROM failed)
        """
    )


def ring_due() -> int:
    """Ring for docs that are due and were not rung lately; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH due AS MATERIALIZED (
                SELECT e.id FROM docs_store_docembedding e
                WHERE {_DUE} AND (e.rung_at IS NULL OR e.rung_at < now() - make_interval(secs => %(lately)s))
                ORDER BY e.due_at LIMIT {_RUNG_AT_ONCE} FOR UPDATE SKIP LOCKED)
            UPDATE docs_store_docembedding SET rung_at = now() WHERE id IN (SELECT id FROM due)
            RETURNING doc_id
            """,
            {"lately": settings.RING_AGAIN_SECONDS},
        )
        due = [doc_id for (doc_id,) in cursor.fetchall()]
    for doc_id in due:
        ring(EMBED_CHUNKS, doc_id)
    return len(due)


def _renew(claims: Sequence[Claim]) -> None:
    for claimed in claims:
        _update_held(claimed, "lease_until = now() + make_interval(secs => %(lease)s)", lease=settings.LEASE_SECONDS)


KEEPER: LeaseKeeper[Claim] = LeaseKeeper("embedding-leases", _renew)


def developer_of(claimed: Claim) -> Developer:
    """The tenant the docs belong to."""
    return Developer.objects.get(pk=claimed.developer_id)


def _release(claimed: Claim, changes: str, *, only: str = "true", **arguments: Any) -> None:
    """Change the rows and let go of them: with another version they are no longer held.

    One that is locked just now is waited for afterwards, when no other one is held.
    """
    changes = f"{changes}, version = version + 1, lease_until = NULL"
    if _update_held(claimed, changes, only=only, **arguments) < len(claimed.docs):
        for alone in claimed.each():
            _update_held(alone, changes, only=only, locked="", **arguments)


def _after(seconds: int | str) -> str:
    return f"now() + make_interval(secs => {seconds})"


def _update_held(
    claimed: Claim, changes: str, *, only: str = "true", locked: str = "SKIP LOCKED", **arguments: Any
) -> int:
    statement = f"UPDATE docs_store_docembedding SET {changes} WHERE id IN ({_HELD} {locked}) AND {only}"
    return _execute(statement, **arguments, **claimed.pairs())


def _execute(statement: str, **arguments: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return int(cursor.rowcount)
