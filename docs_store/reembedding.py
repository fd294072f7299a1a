"""Moves all docs to another embedding model while searches go on with the one in use.

The order is: let the new model's vectors be made beside the old ones (new docs get both), build its index, switch the
setting, and only then remove the old vectors. Every step may be interrupted and repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count

from docs_store import embedding, embedding_queue, model_coverage, vector_index
from docs_store.models import DocEmbedding, Embedding, EmbeddingModel, EmbeddingState
from docs_store.selectors import stored_dimensions
from julep_project.core.errors import Conflict

_REMOVED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Progress:
    """How many docs are how far with a model."""

    ready: int
    pending: int
    failed: int


def progress_of(model: str) -> Progress:
    rows = DocEmbedding.objects.filter(model=model).order_by().values_list("state").annotate(Count("pk"))
    counts = dict(rows)
    return Progress(*(counts.get(state, 0) for state in ("ready", "pending", "failed")))


def prepare_model(model: str, dimensions: int | None = None) -> None:
    """Let every doc wait for vectors of the model, those whose vectors failed before too; new docs do by themselves.

    `dimensions` is how many numbers are asked for; without it the model decides.

    Raises:
        Conflict: there are vectors of another length.
    """
    model_coverage.register_model(model)
    if dimensions is not None:
        EmbeddingModel.objects.filter(name=model, dimensions=None).update(dimensions=dimensions)
        if (stored := stored_dimensions(model)) != dimensions:
            raise Conflict(f"the vectors of {model} that are stored have {stored} numbers")
    embedding_queue.revive(model)
    while not model_coverage.cover_model(model):
        pass


def embed_all(model: str, *, pause: Callable[[], None], report: Callable[[Progress], None]) -> Progress:
    """Embed until no doc waits for the model any more, together with the workers that do the same.

    `pause` is called while everything that waits is in other hands or not due yet; `report` after each round.
    """
    while True:
        claimed = embedding.embed_due(model=model)
        progress = progress_of(model)
        report(progress)
        if not progress.pending:
            vector_index.build_indexes()
            return progress
        if not claimed:
            pause()


def drop_other_models(kept: str) -> list[str]:
    """Remove the vectors of all other models; the names of those models.

    Raises:
        Conflict: searches still use another model, or docs lack vectors of the one that is kept.
    """
    if kept != settings.EMBEDDING_MODEL:
        raise Conflict(f"searches use {settings.EMBEDDING_MODEL}: set EMBEDDING_MODEL={kept} and restart first")
    lacking = DocEmbedding.objects.filter(model=kept).exclude(state=EmbeddingState.READY).count()
    if lacking:
        raise Conflict(f"{lacking} docs have no vectors of {kept}")
    others = list(EmbeddingModel.objects.exclude(name=kept).values_list("name", flat=True))
    for name in others:
        _drop_model(name)
    return others


def _drop_model(name: str) -> None:
    """Without its row nobody makes vectors of the model any more; then those that are there go, some at a time."""
    EmbeddingModel.objects.filter(name=name).delete()
    vector_index.drop_index(name)
    while ids := list(Embedding.objects.filter(model=name).values_list("pk", flat=True)[:_REMOVED_AT_ONCE]):
        Embedding.objects.filter(pk__in=ids).delete()
