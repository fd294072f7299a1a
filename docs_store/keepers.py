"""Upkeep of docs: vectors that are missing, indexes of vectors, contents that no file has."""

from django.conf import settings

from agents.retention import kinds
from docs_store import embedding_queue, model_coverage, vector_index
from docs_store.files import services
from docs_store.ingestion.jobs import INGESTIONS
from docs_store.models import EmbeddingModel
from docs_store.removal.belongings import register_docs
from docs_store.removal.erasing import DOCS as DOCS_OF_USERS
from docs_store.removal.expiry import DOCS, FILES, empty_expired_stores, remove_expired_files
from docs_store.search import upkeep
from julep_project.core.work.keeper import Condition, Keeper, register

# More than is due, and found by a look at four indexes.
_ANYTHING_DUE = """
    (NOT EXISTS (SELECT FROM docs_store_embeddingmodel WHERE name = %s)
        OR EXISTS (SELECT FROM docs_store_embeddingmodel WHERE covered_at IS NULL)
        OR EXISTS (SELECT FROM docs_store_docembedding WHERE state = 'pending')
        OR EXISTS (SELECT FROM docs_store_docembedding WHERE state = 'failed' AND due_at <= now()))
"""


def is_anything_due() -> Condition:
    """False where a sweep would find nothing to do."""
    return _ANYTHING_DUE, [settings.EMBEDDING_MODEL]


def sweep() -> None:
    """Ring for docs nobody is embedding; let every doc wait for the model in use, even if it was changed; and let what
    failed a while ago be tried again."""
    model_coverage.register_model(settings.EMBEDDING_MODEL)
    for model in EmbeddingModel.objects.filter(covered_at=None):
        model_coverage.cover_model(model.name)
    embedding_queue.revive_due()
    embedding_queue.QUEUED.ring_due()


register(
    Keeper(
        "docs_store.sweep",
        settings.SWEEP_SECONDS,
        sweep,
        figures=embedding_queue.QUEUED.figures,
        when=is_anything_due,
    )
)
register(INGESTIONS.queued.sweep("docs_store.sweep_ingestions"))
register(Keeper("docs_store.prune_contents", 3600, services.prune_contents))
register(Keeper("docs_store.remove_expired_files", 300, remove_expired_files))
register(Keeper("docs_store.empty_expired_stores", 3600, empty_expired_stores))
# Takes minutes where vectors are many.
register(Keeper("docs_store.build_indexes", 60, vector_index.build_indexes, queue="io"))
register(Keeper("docs_store.renew_words", 60, upkeep.renew_words, queue="io"))
register(Keeper("docs_store.refresh_statistics", 60, upkeep.refresh_statistics, queue="io"))
kinds.register(FILES)
kinds.register(DOCS)
kinds.register_personal(DOCS_OF_USERS)
register_docs()
