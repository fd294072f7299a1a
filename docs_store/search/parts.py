"""Removes what docs are cut into, before the docs themselves: so no statement has much to do."""

from uuid import UUID

from agents.retention.pace import Pace

_PARTS = (
    """
    DELETE FROM docs_store_embedding WHERE id IN (
        SELECT vector.id FROM docs_store_chunk chunk JOIN docs_store_embedding vector ON vector.chunk_id = chunk.id
        WHERE chunk.doc_id = ANY (%(docs)s) LIMIT %(rows)s) RETURNING id
    """,
    """
    DELETE FROM docs_store_chunk WHERE id IN (
        SELECT id FROM docs_store_chunk WHERE doc_id = ANY (%(docs)s) LIMIT %(rows)s) RETURNING id
    """,
)


def remove_parts(doc_ids: list[UUID], pace: Pace) -> None:
    """Remove the chunks of docs, and their vectors."""
    for statement in _PARTS:
        pace.drain(statement, {"docs": doc_ids})
