"""Celery tasks. Each takes ids and calls one function."""

from uuid import UUID

from celery import shared_task
from django.conf import settings

from docs_store import embedding, embedding_queue, vector_index
from docs_store.files import services
from docs_store.models import EmbeddingModel


@shared_task(name=embedding_queue.EMBED_CHUNKS)
def embed_chunks(doc_id: str) -> None:
    """Give a doc its vectors, and with it others of the same tenant that wait too."""
    embedding.embed_due(doc_id=UUID(doc_id))


@shared_task(name="docs_store.sweep")
def sweep() -> None:
    """Ring for docs nobody is embedding; let every doc wait for the model in use, even if it was changed; and let what
    failed a while ago be tried again."""
    embedding_queue.register_model(settings.EMBEDDING_MODEL)
    for model in EmbeddingModel.objects.filter(covered_at=None):
        embedding_queue.cover_model(model.name)
    embedding_queue.revive_due()
    embedding_queue.ring_due()


@shared_task(name="docs_store.prune_contents")
def prune_contents() -> None:
    """Remove stored contents that no file has."""
    services.prune_contents()


@shared_task(name="docs_store.build_indexes")
def build_indexes() -> None:
    """Build the vector indexes that are missing."""
    vector_index.build_indexes()
