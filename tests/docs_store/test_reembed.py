"""`manage.py reembed`: another model beside the one in use, then instead of it."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from docs_store import reembedding
from docs_store.embedding import embed_due
from docs_store.models import DocEmbedding, Embedding, EmbeddingModel
from docs_store.reembedding import Progress
from julep_project.core.errors import ModelRefused, ModelUnavailable
from tests.api_client import ApiClient
from tests.docs_store.known_vectors import KnownVectors

Store = Callable[..., str]

OLD, NEW = "offline/hashing", "other/model'; --"


def _reembed(*arguments: str) -> str:
    out = StringIO()
    call_command("reembed", *arguments, stdout=out)
    return out.getvalue()


def _models() -> dict[str, int]:
    names = list(Embedding.objects.values_list("model", flat=True))
    return {name: names.count(name) for name in names}


def _found(api: ApiClient, agent: str, vector: list[float]) -> list[str]:
    docs = api.post(f"/agents/{agent}/search", {"vector": vector, "confidence": 0.9}).json()["docs"]
    return [doc["title"] for doc in docs]


def test_searches_never_miss_a_doc(api: ApiClient, agent: str, doc: Store, model: KnownVectors, settings: Any) -> None:
    doc("first", (1, 0, 0))
    doc("second", (0, 1, 0))
    model.vectors = {"first": (0, 0, 0, 1), "second": (0, 0, 1, 0)}
    assert f"Set EMBEDDING_MODEL={NEW} and EMBEDDING_DIMENSIONS=4, restart" in _reembed("--model", NEW)
    assert _models() == {OLD: 2, NEW: 2}
    assert _found(api, agent, [1, 0, 0]) == ["first"]

    model.vectors = {}
    doc("third")
    assert embed_due() == 2, "a new doc gets vectors of both models"
    assert _found(api, agent, [1, 0, 0]) == ["first", "third"]

    settings.EMBEDDING_MODEL = NEW
    assert _found(api, agent, [0, 0, 0, 2]) == ["first"]
    assert api.post(f"/agents/{agent}/search", {"vector": [1, 0, 0]}).status_code == 422
    # The stand-in answered with three numbers for the new model, which has four: that doc is told apart.
    with pytest.raises(CommandError, match="1 docs could not be embedded"):
        _reembed("--model", NEW, "--drop-old")
    model.default = (0, 1, 0, 0)
    assert f"Removed the vectors of {OLD}." in _reembed("--model", NEW, "--drop-old")
    assert _models() == {NEW: 3}
    assert list(EmbeddingModel.objects.values_list("name", flat=True)) == [NEW]
    assert set(DocEmbedding.objects.values_list("model", "state")) == {(NEW, "ready")}
    assert "nothing to remove" in _reembed("--model", NEW, "--drop-old")


def test_vectors_in_use_are_not_dropped(doc: Store, model: KnownVectors) -> None:
    doc("first", (1, 0, 0))
    with pytest.raises(CommandError, match="searches use offline/hashing: set EMBEDDING_MODEL=other and restart"):
        _reembed("--model", "other", "--drop-old")
    assert _models() == {OLD: 1, "other": 1}


def test_it_waits_for_what_is_not_due(doc: Store, model: KnownVectors) -> None:
    doc("first")
    model.errors = [ModelUnavailable()]
    pauses = []

    def pause() -> None:
        pauses.append(1)
        DocEmbedding.objects.update(due_at="2020-01-01T00:00:00Z")

    seen: list[Progress] = []
    reembedding.prepare_model(OLD)
    assert reembedding.embed_all(OLD, pause=pause, report=seen.append) == Progress(1, 0, 0)
    assert len(pauses) <= 1 and seen[0] == Progress(0, 1, 0)


def test_failed_docs_are_tried_again(doc: Store, model: KnownVectors) -> None:
    doc("first")
    model.refused = {"first": ModelRefused("no")}
    with pytest.raises(CommandError, match="1 docs could not be embedded"):
        _reembed("--model", OLD)
    model.refused = {}
    assert "1 ready, 0 waiting, 0 failed" in _reembed("--model", OLD)


def test_the_length_of_vectors_may_be_chosen(doc: Store, model: KnownVectors) -> None:
    doc("first", (1, 0, 0))
    model.lengths.clear()
    model.default = model.vectors["first"] = (1, 0)
    assert "EMBEDDING_DIMENSIONS=2" in _reembed("--model", NEW, "--dimensions", "2")
    assert model.lengths == [2]
    with pytest.raises(CommandError, match="that are stored have 2 numbers"):
        _reembed("--model", NEW, "--dimensions", "4")
