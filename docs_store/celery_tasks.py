"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from docs_store import embedding, embedding_queue


@shared_task(name=embedding_queue.EMBED_CHUNKS)
def embed_chunks(doc_id: str) -> None:
    """Give a doc its vectors, and then others of the same tenant that wait too."""
    embedding.embed_in_turn(UUID(doc_id))
