"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task

from docs_store import embedding, embedding_queue
from docs_store.ingestion import jobs, working


@shared_task(name=embedding_queue.EMBED_CHUNKS)
def embed_chunks(doc_id: str) -> None:
    """Give a doc its vectors, and then others of the same tenant that wait too."""
    embedding.embed_in_turn(UUID(doc_id))


@shared_task(name=jobs.TASK)
def ingest_file(job_id: str) -> None:
    """Read a file into its doc."""
    working.ingest_file(UUID(job_id))
