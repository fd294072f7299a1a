"""Fixtures of the docs tests: an embedding model whose vectors the test knows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from docs_store.embedding import embed_due
from tests.api_client import ApiClient
from tests.docs_store.known_vectors import KnownVectors


@pytest.fixture
def agent(api: ApiClient) -> str:
    """The id of an agent."""
    created: str = api.post("/agents", {"name": "Librarian"}).json()["id"]
    return created


@pytest.fixture
def user(api: ApiClient) -> str:
    """The id of a user."""
    created: str = api.post("/users", {"name": "Ada"}).json()["id"]
    return created


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[KnownVectors]:
    """The embedding model: three dimensions, and vectors as the test says."""
    settings.EMBEDDING_DIMENSIONS = 3
    known = KnownVectors()
    known.install(monkeypatch)
    yield known


@pytest.fixture
def doc(api: ApiClient, agent: str, model: KnownVectors) -> Callable[..., str]:
    """Stores a doc of the agent and embeds it; gives its id."""

    def store(
        content: str | Sequence[str],
        *vectors: Sequence[float],
        title: str = "",
        owner: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> str:
        texts = [content] if isinstance(content, str) else list(content)
        model.vectors.update(zip(texts, vectors, strict=False))
        body = {"title": title or texts[0][:40], "content": content, "metadata": metadata or {}}
        answer = api.post(f"{owner or f'/agents/{agent}'}/docs", body)
        assert answer.status_code == 201, answer.json()
        doc_id: str = answer.json()["id"]
        if vectors:
            embed_due(doc_id=UUID(doc_id))
        return doc_id

    return store
