"""Docs for conversations."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync

from agents.models import Developer
from docs_store.owners import Owner
from docs_store.recall import recall
from docs_store.recall_options import RecallOptionsBody, complete_recall_options
from julep_project.core.errors import InvalidInput, ModelUnavailable
from tests.docs_store.known_vectors import KnownVectors

Store = Callable[..., str]
Recall = Callable[..., list[dict[str, Any]]]

VECTOR = {
    "mode": "vector", "num_search_messages": 4, "max_query_length": 1000, "limit": 10, "lang": "en-US",
    "metadata_filter": {}, "include_embeddings": True, "confidence": 0.5, "mmr_strength": 0.5,
}  # fmt: skip


@pytest.fixture
def recalled(transactional_db: None, developer: Developer, agent: str, user: str) -> Recall:
    """Recalls docs of the agent and the user."""

    def run(text: str, **options: Any) -> list[dict[str, Any]]:
        owners = [Owner("user", UUID(user)), Owner("agent", UUID(agent))]
        return async_to_sync(recall)(developer, owners, text=text, options=complete_recall_options(options))

    return run


def _titles(docs: list[dict[str, Any]]) -> list[str]:
    return [doc["title"] for doc in docs]


def test_recall_by_vector(recalled: Recall, doc: Store, user: str, model: KnownVectors) -> None:
    doc("ships", (1, 0, 0))
    doc("harbours", (0.9, 0.1, 0), owner=f"/users/{user}", metadata={"n": 1})
    doc("mountains", (0, 0, 1))
    model.vectors["what floats?"] = (5, 0, 0)
    model.calls.clear()
    found = recalled("  what floats? ")
    assert _titles(found) == ["ships", "harbours"]
    assert found[1]["owner"] == {"id": user, "role": "user"}
    assert found[0]["snippet"] == {"index": 0, "content": "ships", "embedding": [1, 0, 0]}
    assert model.calls == [(None, ["what floats?"])]
    assert _titles(recalled("what floats?", metadata_filter={"n": 1}, include_embeddings=False)) == ["harbours"]


def test_recall_by_text_asks_no_model_and_needs_one_word_only(
    recalled: Recall, doc: Store, model: KnownVectors
) -> None:
    doc("ships carry grain", title="grain")
    doc("ships", title="ships")
    doc("mountains", title="other")
    model.calls.clear()
    found = recalled('Tell me about -ships & "grain", please!', mode="text")
    assert set(_titles(found)) == {"grain", "ships"} and _titles(found)[0] == "grain"
    assert model.calls == []


def test_recall_by_both(recalled: Recall, doc: Store, model: KnownVectors) -> None:
    doc("grain", (0, 1, 0))
    doc("vessels", (1, 0, 0))
    model.vectors["any grain?"] = (1, 0, 0)
    model.calls.clear()
    assert set(_titles(recalled("any grain?", mode="hybrid"))) == {"grain", "vessels"}
    assert len(model.calls) == 1


def test_nothing_to_search_with_or_in(recalled: Recall, doc: Store, model: KnownVectors) -> None:
    assert recalled("anything") == []
    doc("ships", (1, 0, 0))
    model.calls.clear()
    assert recalled(" \n") == []
    assert model.calls == []
    model.default = (0, 0, 0)
    assert recalled("a text without a direction") == []
    assert _titles(recalled("ships", mode="hybrid")) == ["ships"]


def test_the_query_has_as_many_numbers_as_the_docs(
    recalled: Recall, doc: Store, model: KnownVectors, settings: Any
) -> None:
    doc("ships", (1, 0, 0))
    settings.EMBEDDING_DIMENSIONS = 5
    assert _titles(recalled("ships")) == ["ships"]
    assert model.lengths[-1] == 3


def test_the_query_has_the_instruction_of_its_model(
    recalled: Recall, doc: Store, model: KnownVectors, settings: Any
) -> None:
    doc("ships", (1, 0, 0))
    settings.EMBEDDING_QUERY_INSTRUCTION = "query:"
    model.calls.clear()
    recalled("ships")
    assert model.calls == [(None, ["query: ships"])]


def test_the_query_is_cut(recalled: Recall, doc: Store, model: KnownVectors) -> None:
    doc("ships", (1, 0, 0))
    model.calls.clear()
    recalled("x" * 300, max_query_length=100)
    assert model.calls == [(None, ["x" * 100])]


def test_errors_of_the_model(recalled: Recall, doc: Store, model: KnownVectors) -> None:
    doc("ships", (1, 0, 0))
    model.errors = [ModelUnavailable("away")]
    with pytest.raises(ModelUnavailable, match="away"):
        recalled("ships")


def options_of(body: Any) -> dict[str, Any]:
    """What the options of a session are to a body."""
    return complete_recall_options(RecallOptionsBody.read(body))


def test_options_get_the_defaults_of_their_mode() -> None:
    assert options_of({}) == complete_recall_options(None) == VECTOR
    text = options_of({"mode": "text", "confidence": 0.9, "limit": 3, "text": "x", "vector": [1]})
    assert text == {
        **{key: VECTOR[key] for key in VECTOR if key not in ("confidence", "mmr_strength")},
        "mode": "text",
        "limit": 3,
        "trigram_similarity_threshold": None,
    }
    hybrid = options_of({"mode": "hybrid", "alpha": 0.7})
    assert hybrid == {**VECTOR, "mode": "hybrid", "alpha": 0.7, "k_multiplier": 7, "trigram_similarity_threshold": None}


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({"mode": "psychic"}, "mode", "enum"),
        ({"num_search_messages": 0}, "num_search_messages", "greater_than_equal"),
        ({"num_search_messages": 51}, "num_search_messages", "less_than_equal"),
        ({"max_query_length": 99}, "max_query_length", "greater_than_equal"),
        ({"max_query_length": 10_001}, "max_query_length", "less_than_equal"),
        ({"limit": 51}, "limit", "less_than_equal"),
        ({"lang": "??"}, "lang", "value_error"),
        ({"mmr_strength": 1.0}, "mmr_strength", "less_than"),
        ({"metadata_filter": "["}, "metadata_filter", "json_invalid"),
        ([], "", "dict_type"),
    ],
)
def test_bad_options(body: Any, loc: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        options_of(body)
    assert [(entry["loc"], entry["type"]) for entry in refused.value.extra["details"]] == [(loc, kind)]
