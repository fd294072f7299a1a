"""Gives chunks their vectors, some chunks per call of the model, outside any transaction.

It may be called at any time, any number of times, by any number of workers: a chunk that has its vector is left
alone, and only who holds the claim of a doc writes for it. A worker that dies leaves a lease that runs out.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from django.db import Error as DatabaseError
from django.db import transaction

from agents.llm import gateway
from agents.models import Developer
from agents.spending.attribution import attributed
from docs_store import embedding_queue as queue
from docs_store.embedding_queue import ClaimedDoc
from docs_store.models import Chunk, Embedding, EmbeddingModel
from docs_store.search.embedded_text import passage_text
from docs_store.selectors import stored_dimensions
from docs_store.vectors import Floats
from julep_project.core.database import fetch, give_connection_back
from julep_project.core.errors import BadRequest, CostLimitExceeded, DomainError, ModelNotUsable, RateLimited
from julep_project.core.outages import PAUSES, is_waited_out, when_back
from julep_project.core.storage_errors import took_too_long
from julep_project.core.work.backoff import spread_s

log = logging.getLogger(__name__)

_CHUNKS_PER_CALL = 64
# How long one message works for a tenant before others get their turn.
_TURN_S = 2.0
_LONGEST_ERROR = 500
# Docs that wait for a limit of what may be spent look again within so long.
_AT_A_LIMIT_S = 300.0


class ClaimLost(Exception):
    """Somebody else holds the docs now, or they are gone."""


def embed_due(*, doc_id: UUID | None = None, model: str | None = None) -> int:
    """Embed what is due: this doc, or docs of the model, each with others that can share its calls.

    Returns:
        How many docs were claimed. Whether they have their vectors now is in their rows.
    """
    claimed_docs = 0
    while (claimed := queue.claim(doc_id=doc_id, model=model)) is not None:
        claimed_docs += len(claimed.docs)
        embed_claimed(claimed)
    return claimed_docs


def embed_in_turn(doc_id: UUID) -> None:
    """Embed what is due of a doc's tenant, beginning with the doc, for a short time; then ring for what is left."""
    until = time.monotonic() + _TURN_S
    claimed = queue.claim(doc_id=doc_id, lanes=queue.LANES)
    while claimed is not None:
        embed_claimed(claimed)
        if time.monotonic() >= until:
            queue.QUEUED.ring_next(claimed.developer_id)
            return
        claimed = queue.claim(developer_id=claimed.developer_id, lanes=queue.LANES)


def embed_claimed(claimed: ClaimedDoc) -> None:
    """Embed the docs of a claim and record what came of it."""
    if claimed.attempt > queue.MAX_ATTEMPTS:
        queue.give_up(claimed, f"the worker was lost in the last of {queue.MAX_ATTEMPTS} attempts")
        return
    with queue.LEASES.holding(*claimed.held):
        _embed(claimed)


def _embed(claimed: ClaimedDoc) -> None:
    """Embed docs whose leases are kept alive; what is recorded of them lets go of them."""
    try:
        _embed_missing(claimed)
        queue.finish(claimed)
    except ClaimLost:
        log.info("docs are embedded by somebody else", extra={"model": claimed.model, "docs": len(claimed.docs)})
    except DatabaseError as error:
        _record_database_error(claimed, error)
    except RateLimited as error:
        queue.hold(claimed, _explained(error), _asked_for_s(error))
    except CostLimitExceeded as error:
        queue.hold(claimed, _explained(error), spread_s(_AT_A_LIMIT_S / 2, over_s=_AT_A_LIMIT_S / 2))
    except Exception as error:
        _record(claimed, error)


def _record_database_error(claimed: ClaimedDoc, error: DatabaseError) -> None:
    """Wait for a database that is away; count what took it too long."""
    if is_waited_out(error, partial(queue.LEASES.renew, claimed.held)):
        log.warning("the database is away while docs are embedded", extra={"model": claimed.model})
        when_back(lambda: queue.hold(claimed, "the database was away", PAUSES.pause_s(1)))
    elif took_too_long(error):
        when_back(lambda: queue.postpone(claimed, "the database took too long over it"))
    else:
        raise error


def _record(claimed: ClaimedDoc, error: Exception) -> None:
    """Try again later what may succeed later, or once the configuration is mended. What is refused for good is blamed
    on one doc only."""
    message = _explained(error)
    if not isinstance(error, DomainError):
        log.exception("embedding raised", extra={"model": claimed.model})
    if not isinstance(error, DomainError) or isinstance(error, ModelNotUsable) or error.retryable:
        queue.postpone(claimed, message)
    elif len(claimed.docs) == 1:
        queue.give_up(claimed, message)
    else:
        for alone in claimed.each():
            _embed(alone)


def _asked_for_s(error: RateLimited) -> float:
    return PAUSES.pause_s(1) if error.wait_s is None else spread_s(error.wait_s, over_s=error.spread_s)


def _explained(error: Exception) -> str:
    text = error.explanation if isinstance(error, DomainError) else f"internal error: {type(error).__name__}"
    return text[:_LONGEST_ERROR]


def _embed_missing(claimed: ClaimedDoc) -> None:
    developer = Developer.objects.get(pk=claimed.developer_id)
    for chunks in _missing(claimed):
        if not queue.LEASES.is_held(claimed.held):
            raise ClaimLost
        texts = [passage_text(chunk) for chunk in chunks]
        with attributed(**_agent_of(chunks)):
            vectors = _vectors_of(developer, texts, claimed.model, stored_dimensions(claimed.model))
        _store(claimed, developer, chunks, vectors)


# One chunk after the other, by indexes: `OFFSET 0` keeps the planner from reading all vectors there are, which it would
# right after many docs have come.
_MISSING = """
    SELECT c.id FROM docs_store_chunk c
    WHERE c.doc_id = ANY(%(docs)s::uuid[]) AND NOT EXISTS (
        SELECT FROM docs_store_embedding v WHERE v.chunk_id = c.id AND v.model = %(model)s OFFSET 0)
    ORDER BY c.doc_id, c.index
"""


def _missing(claimed: ClaimedDoc) -> Iterator[list[Chunk]]:
    """The chunks without a vector of the model, as many at a time as one call takes."""
    ids = [chunk_id for (chunk_id,) in fetch(_MISSING, {"docs": list(claimed.docs), "model": claimed.model})]
    for start in range(0, len(ids), _CHUNKS_PER_CALL):
        # Without a join or an order, whose plans would be such for few docs where many have just come.
        rows = Chunk.objects.filter(pk__in=ids[start : start + _CHUNKS_PER_CALL]).prefetch_related("doc", "agent")
        # A doc may be removed meanwhile.
        there = [chunk for chunk in rows.defer("search").order_by() if chunk.doc]
        if there:
            yield sorted(there, key=lambda chunk: (chunk.doc_id, chunk.index))


def _agent_of(chunks: Sequence[Any]) -> dict[str, UUID | None]:
    """The agent that all of them are of, with its project, if there is one."""
    owners = {chunk.agent for chunk in chunks}
    agent = owners.pop() if len(owners) == 1 else None
    return {"agent_id": agent and agent.pk, "project_id": agent and agent.project_id}


def _vectors_of(developer: Developer, texts: Sequence[str], model: str, dimensions: int | None) -> Floats:
    """One row for each text; the model is asked for as many numbers as its vectors had before.

    Raises:
        BadRequest: these are not vectors.
        DomainError: as the gateway raises it.
    """
    give_connection_back()
    try:
        vectors = np.asarray(gateway.embed(developer, texts, model=model, dimensions=dimensions), dtype=np.float32)
    except ValueError:
        raise BadRequest("the model gave vectors of different lengths") from None
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise BadRequest("the model did not give one vector of finite numbers for each text")
    return vectors


def _store(claimed: ClaimedDoc, developer: Developer, chunks: Sequence[Chunk], vectors: Floats) -> None:
    """Write the vectors of docs that are still held.

    Raises:
        BadRequest: the model's vectors had another length before.
        ClaimLost: no doc is.
    """
    with transaction.atomic():
        held = queue.lock_held(claimed)
        if not held:
            raise ClaimLost
        _check_dimensions(claimed.model, vectors.shape[1])
        rows = [
            Embedding(
                developer=developer,
                agent_id=chunk.agent_id,
                user_id=chunk.user_id,
                store_id=chunk.store_id,
                doc_id=chunk.doc_id,
                chunk=chunk,
                model=claimed.model,
                vector=vector,
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
            if chunk.doc_id in held
        ]
        Embedding.objects.bulk_create(rows, ignore_conflicts=True)
        queue.count_anew(claimed)


def _check_dimensions(model: str, length: int) -> None:
    """The first vector decides how long the model's vectors are."""
    EmbeddingModel.objects.filter(name=model, dimensions=None).update(dimensions=length)
    known = stored_dimensions(model)
    if known is not None and known != length:
        raise BadRequest(f"the model gave vectors of {length} numbers; those stored have {known}")
