"""Docs, searches and embeddings through the published Python client, against running processes."""

from typing import Any

import httpx
import pytest
from julep import ConflictError, Julep, NotFoundError, UnprocessableEntityError

from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until


@pytest.fixture
def agent(client: Julep) -> Any:
    return client.agents.create(name="Librarian", model="offline/echo")


def _wait_for_vectors(client: Julep, doc_id: str, backend: Backend) -> Any:
    wait_until(lambda: client.docs.get(doc_id).embeddings is not None, 30, backend)
    return client.docs.get(doc_id)


def test_docs_get_vectors_and_are_found(client: Julep, agent: Any, backend: Backend) -> None:
    made = client.agents.docs.create(
        agent.id, title="Tides", content=["The sea rises at noon.", "Storms flood harbours."], metadata={"a": 1}
    )
    assert made.content == ["The sea rises at noon.", "Storms flood harbours."]
    assert made.embeddings is None
    assert client.agents.docs.search(agent.id, text="flooded harbour").docs[0].snippet.index == 1

    ready = _wait_for_vectors(client, made.id, backend)
    assert [len(vector) for vector in ready.embeddings] == [1024, 1024]
    assert client.docs.get(made.id, include_embeddings=False).embeddings is None

    [vector] = client.docs.embed(text="Tides\n\nThe sea rises at noon.").vectors
    found = client.agents.docs.search(agent.id, vector=vector, confidence=0.9)
    assert (found.docs[0].id, found.docs[0].snippet.index, found.docs[0].owner.role) == (made.id, 0, "agent")
    assert found.docs[0].distance == pytest.approx(0, abs=1e-5)
    assert found.time > 0
    both = client.agents.docs.search(agent.id, text="sea", vector=vector, alpha=0.7, metadata_filter={"a": 1})
    assert [doc.title for doc in both.docs] == ["Tides"]
    assert client.agents.docs.search(agent.id, text="sea", metadata_filter={"a": 2}).docs == []


def test_lists_end(client: Julep, agent: Any) -> None:
    made = [client.agents.docs.create(agent.id, title=f"d{n}", content="c", metadata={"n": n}).id for n in range(5)]
    assert [doc.id for doc in client.agents.docs.list(agent.id, limit=2)] == made[::-1]
    listed = client.agents.docs.list(agent.id, metadata_filter={"n": 3}, include_embeddings=False)
    assert [doc.id for doc in listed] == [made[3]]


def test_conflicts_and_missing_docs(client: Julep, agent: Any) -> None:
    made = client.agents.docs.create(agent.id, title="t", content="c")
    with pytest.raises(ConflictError):
        client.agents.docs.create(agent.id, title="t", content="c")
    client.agents.docs.delete(made.id, agent_id=agent.id)
    with pytest.raises(NotFoundError):
        client.docs.get(made.id)
    with pytest.raises(NotFoundError):
        client.agents.docs.delete(made.id, agent_id=agent.id)
    with pytest.raises(UnprocessableEntityError):
        client.agents.docs.search(agent.id, text="x", lang="klingon")


def test_bulk_delete(client: Julep, agent: Any) -> None:
    for number in range(3):
        client.agents.docs.create(agent.id, title=f"d{number}", content="c", metadata={"odd": number % 2})
    assert client.agents.docs.bulk_delete(agent.id) == []
    [gone] = client.agents.docs.bulk_delete(agent.id, metadata_filter={"odd": 1})
    assert gone.jobs == []
    assert len(client.agents.docs.bulk_delete(agent.id, delete_all=True)) == 2
    assert list(client.agents.docs.list(agent.id)) == []


def test_docs_of_users(client: Julep) -> None:
    user = client.users.create(name="Ada")
    made = client.users.docs.create(user.id, title="t", content="the sea")
    assert [doc.id for doc in client.users.docs.list(user.id)] == [made.id]
    [found] = client.users.docs.search(user.id, text="sea").docs
    assert (found.owner.id, found.owner.role) == (user.id, "user")
    assert [gone.id for gone in client.users.docs.bulk_delete(user.id, delete_all=True)] == [made.id]
    other = client.users.docs.create(user.id, title="t", content="the sea")
    assert client.users.docs.delete(other.id, user_id=user.id).id == other.id


def test_embed(client: Julep) -> None:
    vectors = client.docs.embed(text=["a", "b", "a"], embed_instruction="Text:").vectors
    assert len(vectors) == 3 and vectors[0] == vectors[2] != vectors[1]


def test_search_by_get_under_both_prefixes(client: Julep, agent: Any, backend: Backend) -> None:
    client.agents.docs.create(agent.id, title="t", content="the sea")
    for prefix in ("", "/api"):
        url = f"{backend.url}{prefix}/agents/{agent.id}/search"
        answer = httpx.get(url, params={"text": "sea"}, headers={"X-Auth-Key": API_KEY})
        assert [doc["title"] for doc in answer.json()["docs"]] == ["t"]


def test_steps_of_tasks(client: Julep, agent: Any, backend: Backend) -> None:
    made = client.agents.docs.create(agent.id, title="Tides", content="the sea rises")
    _wait_for_vectors(client, made.id, backend)
    task = client.tasks.create(
        agent.id,
        name="look",
        main=[
            {"embed": {"text": "$ _.about"}},
            {"search": {"vector": "$ _.vectors[0]", "text": "$ inputs[0].about"}},
            {"evaluate": {"titles": "$ [doc.title for doc in _.docs]"}},
        ],
    )
    execution = client.executions.create(task.id, input={"about": "the sea"})
    assert wait_for_end(execution.id, backend).output == {"titles": ["Tides"]}
