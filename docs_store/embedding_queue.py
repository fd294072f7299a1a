"""Which docs wait for vectors of which model, and who works on them. The rows decide; messages only announce them.

Somebody may delete docs at any moment, in any order. So nobody here waits for the lock of a row while holding that of
another one: where several are meant, rows that are locked are passed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from docs_store.model_coverage import hold_models, register_model
from docs_store.models import DocEmbedding, EmbeddingState
from julep_project.core.clock import DatabaseNow
from julep_project.core.database import execute, fetch
from julep_project.core.tenancy import system_scope
from julep_project.core.work import figures
from julep_project.core.work.backoff import Backoff
from julep_project.core.work.lease import LEASE_END, Held, Leases, after
from julep_project.core.work.queued import DUE, OF_TENANT, Queued

EMBED_CHUNKS = "docs_store.embed_chunks"
MAX_ATTEMPTS = 12
_PAUSES = Backoff(cap_s=300.0)
# What failed is tried once more after so long, and so many docs in each sweep.
_FAILED_FOR_S = 3600
_REVIVED_AT_ONCE = 20
# So many at once when somebody asks for it: those that failed first.
REVIVED_BY_HAND = 10_000

# Docs of one tenant that are embedded together, so that short ones share calls of the model.
_DOCS_PER_CLAIM = 32

# Claims of one tenant that messages may be at work on at once, however much waits.
LANES = 8

_DUE = f"e.state = 'pending' AND {DUE.format(table='e')}"

# How many claims of a tenant are under way.
LANES_TAKEN = """(SELECT count(*) FROM docs_store_docembedding l
                 WHERE l.leads AND l.developer_id = {developer} AND l.lease_until > now())"""

_CLAIM = f"""
    WITH asked AS (
        SELECT e.id, e.model_id, e.attempts, e.developer_id FROM docs_store_docembedding e
        WHERE {_DUE} AND (%(doc)s::uuid IS NULL OR e.doc_id = %(doc)s::uuid)
          AND (%(developer)s::uuid IS NULL OR e.developer_id = %(developer)s::uuid)
          AND (%(model)s::text IS NULL OR e.model_id = %(model)s::text)
          AND (%(lanes)s::int IS NULL OR {LANES_TAKEN.format(developer="e.developer_id")} < %(lanes)s::int)
        ORDER BY e.due_at LIMIT 1 FOR UPDATE OF e SKIP LOCKED),
    company AS (
        SELECT other.id FROM asked a CROSS JOIN LATERAL (
            SELECT e.id FROM docs_store_docembedding e
            WHERE {_DUE} AND {OF_TENANT.format(table="e", tenant="a.developer_id")} AND e.model_id = a.model_id
              AND e.attempts = 0 AND a.attempts = 0 AND e.id <> a.id
            ORDER BY e.developer_id, e.due_at LIMIT {_DOCS_PER_CLAIM - 1} FOR UPDATE OF e SKIP LOCKED) AS other)
    UPDATE docs_store_docembedding SET
        version = version + 1, attempts = attempts + 1, rung_at = now(), leads = id IN (SELECT id FROM asked),
        lease_until = {LEASE_END.format(seconds="%(lease)s")}
    WHERE id IN (SELECT id FROM asked UNION ALL SELECT id FROM company)
    RETURNING id, doc_id, version, attempts, model_id, (SELECT developer_id FROM asked)
"""

# With its doc locked, a row is not on its way out, and neither are the doc's chunks. A renewed lease does not disturb.
_LOCK_HELD = """
    SELECT d.id FROM docs_store_docembedding e
    JOIN unnest(%(ids)s::bigint[], %(versions)s::int[]) AS held(id, version) USING (id, version)
    JOIN docs_store_doc d ON d.id = e.doc_id
    WHERE e.state = 'pending' FOR KEY SHARE OF d, e SKIP LOCKED
"""

_IS_COMPLETE = RawSQL(
    """
    NOT EXISTS (SELECT 1 FROM docs_store_chunk c WHERE c.doc_id = docs_store_docembedding.doc_id AND NOT EXISTS (
        SELECT 1 FROM docs_store_embedding v
        WHERE v.chunk_id = c.id AND v.model = docs_store_docembedding.model_id))
    """,
    [],
    output_field=BooleanField(),
)


_WAITING = """
    SELECT count(*) FROM (
        SELECT FROM docs_store_docembedding e
        WHERE e.state = 'pending' AND e.attempts = 0 AND e.developer_id = %(developer)s LIMIT %(most)s) AS first
"""


@dataclass(frozen=True, slots=True)
class ClaimedDoc:
    """Docs of one tenant, claimed to get vectors of one model, and the right to write those of each."""

    developer_id: UUID
    model: str
    docs: Mapping[UUID, Held]

    @property
    def held(self) -> list[Held]:
        """The rights to all of them."""
        return list(self.docs.values())

    @property
    def attempt(self) -> int:
        """How often their vectors were tried: docs are claimed together only for the first time."""
        return self.held[0].attempt

    def each(self) -> "list[ClaimedDoc]":
        """A claim for every doc by itself."""
        return [replace(self, docs={doc_id: held}) for doc_id, held in self.docs.items()]


def enqueue(doc_id: UUID, developer_id: UUID) -> None:
    """Let a new doc wait for its vectors, in the transaction that stores it, and ring when that has committed. One that
    was there before and has more chunks now begins anew; those that have their vectors keep them.

    Nothing is rung where more docs of the tenant wait than its messages take along at once. A message works for a
    tenant for a short time, and then rings for its next doc, behind the messages of all others.
    """
    hold_models()
    register_model(settings.EMBEDDING_MODEL)
    [(waiting,)] = fetch(_WAITING, {"developer": developer_id, "most": LANES})
    rings = waiting < LANES
    execute(
        "INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error, rung_at) "
        "SELECT %(doc)s, name, 'pending', 0, '', CASE WHEN %(rings)s THEN now() END FROM docs_store_embeddingmodel "
        "ON CONFLICT (doc_id, model_id) DO UPDATE SET state = 'pending', attempts = 0, error = '', due_at = now(), "
        "version = docs_store_docembedding.version + 1, lease_until = NULL, leads = false",
        {"doc": doc_id, "rings": rings},
    )
    if rings:
        transaction.on_commit(partial(QUEUED.ring, doc_id))


def claim(
    *, doc_id: UUID | None = None, developer_id: UUID | None = None, model: str | None = None, lanes: int | None = None
) -> ClaimedDoc | None:
    """Claim a doc that is due (this one, any one of the tenant or model) and others that can share its calls.

    None: none is, or the doc's tenant has that many `lanes` already.
    """
    wanted = {"doc": doc_id, "developer": developer_id, "model": model, "lanes": lanes}
    rows = fetch(_CLAIM, {**wanted, "lease": settings.LEASE_SECONDS})
    if not rows:
        return None
    docs = {doc_id: Held(key, version, attempt) for key, doc_id, version, attempt, *_ in rows}
    figures.count(LEASES.name, "claimed")
    return ClaimedDoc(developer_id=rows[0][5], model=rows[0][4], docs=docs)


def lock_held(claimed: ClaimedDoc) -> set[UUID]:
    """Docs of the claim that are still held and not about to go; they stay until the transaction ends."""
    held = claimed.held
    found = fetch(_LOCK_HELD, {"ids": [one.key for one in held], "versions": [one.version for one in held]})
    return {doc_id for (doc_id,) in found}


def count_anew(claimed: ClaimedDoc) -> None:
    """Vectors were stored: this attempt counts as the first one."""
    if claimed.attempt > 1:
        LEASES.held(claimed.held).update(attempts=1)


def finish(claimed: ClaimedDoc) -> None:
    """The docs that have all their vectors are ready; any others are due when the lease runs out."""
    LEASES.end(*claimed.held, only=_IS_COMPLETE, state=EmbeddingState.READY, error="", leads=False)


def give_up(claimed: ClaimedDoc, error: str) -> None:
    """The docs get no vectors for now; `revive_due` lets them have another attempt."""
    revived = after(_FAILED_FOR_S)
    LEASES.end(*claimed.held, state=EmbeddingState.FAILED, due_at=revived, error=error, leads=False)


def postpone(claimed: ClaimedDoc, error: str) -> None:
    """Try again after a pause that grows with the attempts since vectors were stored; after the last one, give up."""
    attempts = LEASES.held(claimed.held[:1]).values_list("attempts", flat=True).first() or claimed.attempt
    if attempts < MAX_ATTEMPTS:
        LEASES.wait(*claimed.held, pause_s=_PAUSES.pause_s(attempts), error=error)
    else:
        give_up(claimed, error)


def hold(claimed: ClaimedDoc, error: str, pause_s: float) -> None:
    """Try again after the pause, this attempt not counted: it says nothing of the docs."""
    LEASES.wait(*claimed.held, pause_s=pause_s, counted=False, error=error)


def revive(model: str) -> int:
    """Let docs whose vectors failed wait for them as if they were new; how many there were."""
    failed = DocEmbedding.objects.filter(model=model, state=EmbeddingState.FAILED)
    return failed.update(state=EmbeddingState.PENDING, attempts=0, due_at=DatabaseNow())


_REVIVE = """
    WITH failed AS MATERIALIZED (
        SELECT e.id FROM docs_store_docembedding e
        WHERE e.state = 'failed' AND (%(model)s::text IS NULL OR e.model_id = %(model)s)
          AND (%(ids)s::bigint[] IS NULL OR e.id = ANY (%(ids)s))
        ORDER BY e.due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), revived AS (
        UPDATE docs_store_docembedding SET state = 'pending', attempts = 0, due_at = now(), rung_at = NULL
        WHERE id IN (SELECT id FROM failed) RETURNING id
    )
    SELECT count(*) FROM revived
"""


@system_scope()
def revive_failed(*, model: str | None = None, ids: Sequence[int] | None = None) -> int:
    """Let failed rows with these ids wait as if they were new, or those of a model, or all, of whatever developers; how
    many there were. Somebody knows that the reason is gone: it is in the audit log."""
    wanted = {"model": model, "ids": None if ids is None else list(ids), "most": REVIVED_BY_HAND}
    with transaction.atomic():
        number = int(fetch(_REVIVE, wanted)[0][0])
        told = {"docs": number, "model": model, "chosen": None if ids is None else len(ids)}
        record(None, Act(Verb.RETRY, ObjectKind.DOC, "vectors", model or "", after=told))
        transaction.on_commit(QUEUED.ring_due)
    return number


def revive_due() -> int:
    """Let docs that failed some time ago have one more attempt, a few at a time; how many there were."""
    return execute(
        f"""
        WITH failed AS MATERIALIZED (
            SELECT e.id FROM docs_store_docembedding e WHERE e.state = 'failed' AND e.due_at <= now()
            ORDER BY e.due_at LIMIT {_REVIVED_AT_ONCE} FOR UPDATE SKIP LOCKED)
        UPDATE docs_store_docembedding SET state = 'pending', attempts = {MAX_ATTEMPTS - 1}, due_at = now()
        WHERE id IN (SELECT id FROM failed)
        """
    )


def _hand_back(held: list[Held]) -> None:
    """Others embed docs still held."""
    if LEASES.wait(*held, counted=False):
        QUEUED.ring_due()


LEASES = Leases(DocEmbedding, Q(state=EmbeddingState.PENDING), waiting={"leads": False}, hand_back=_hand_back)
QUEUED = Queued(
    LEASES,
    task=EMBED_CHUNKS,
    subject="doc_id",
    share=f"greatest({LANES} - {LANES_TAKEN.format(developer='tenant.id')}, 0)",
)
