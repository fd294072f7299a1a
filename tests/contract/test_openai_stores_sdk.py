"""Files and vector stores with the published OpenAI client, unchanged, against running processes."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import NotFoundError, OpenAI, UnprocessableEntityError

from tests.api_client import API_KEY
from tests.backend import Backend
from tests.judging import judged
from tests.loopback.model_server import ModelServer, tool_call

pytestmark = pytest.mark.django_db(transaction=True)

TIDES = b"# Tides\n\nHigh tide is at noon, low tide in the evening.\n"
BREAD = b"# Bread\n\nBread needs an oven.\n"


@pytest.fixture
def client(backend: Backend) -> Iterator[OpenAI]:
    with OpenAI(api_key=API_KEY, base_url=f"{backend.url}/v1", max_retries=0, timeout=60) as opened:
        yield opened


def as_sent(answer: Any) -> Any:
    """An answer of the client, held to its type."""
    return judged(type(answer), answer.to_dict(mode="json"))


def test_files(client: OpenAI) -> None:
    purposes: Any = ("assistants", "vision", "vision")
    made = [client.files.create(file=(f"{n}.md", TIDES), purpose=purpose) for n, purpose in enumerate(purposes)]
    short = client.files.create(
        file=("short.md", TIDES), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert short.expires_at == short.created_at + 3600
    ids = [as_sent(file).id for file in [*made, short]]
    assert [file.id for file in client.files.list(limit=3)] == ids[::-1]
    assert [file.id for file in client.files.list(purpose="vision", order="asc", limit=1)] == ids[1:3]
    assert client.files.retrieve(ids[0]).filename == "0.md"
    assert client.files.content(ids[0]).read() == TIDES
    assert client.files.wait_for_processing(ids[0]).status == "processed"
    assert as_sent(client.files.delete(ids[0])).deleted
    with pytest.raises(NotFoundError):
        client.files.retrieve(ids[0])
    with pytest.raises(UnprocessableEntityError) as refused:
        client.files.create(file=("empty.md", b""), purpose="assistants")
    assert refused.value.param == "file"


def test_vector_stores(client: OpenAI, provider: ModelServer) -> None:
    """From an upload to an answer, and away with all of it."""
    store = client.vector_stores.create(
        name="Library", metadata={"of": "all"}, expires_after={"anchor": "last_active_at", "days": 1}
    )
    chunking: Any = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}}
    tides = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id,
        file=("tides.md", TIDES),
        attributes={"kind": "sea"},
        chunking_strategy=chunking,
        poll_interval_ms=100,
    )
    assert (as_sent(tides).status, tides.last_error) == ("completed", None)
    batch = client.vector_stores.file_batches.upload_and_poll(
        store.id, files=[("bread.md", BREAD)], poll_interval_ms=100
    )
    assert (as_sent(batch).status, batch.file_counts.completed) == ("completed", 1)
    (bread,) = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id)
    assert client.vector_stores.file_batches.retrieve(batch.id, vector_store_id=store.id) == batch
    assert client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id).status == "completed"
    known = as_sent(client.vector_stores.retrieve(store.id))
    assert (known.status, known.file_counts.completed, known.name) == ("completed", 2, "Library")
    assert [each.id for each in client.vector_stores.list()] == [store.id]
    assert [each.id for each in client.vector_stores.files.list(store.id, limit=1)] == [bread.id, tides.id]
    assert [each.id for each in client.vector_stores.files.list(store.id, filter="failed")] == []
    (text,) = client.vector_stores.files.content(tides.id, vector_store_id=store.id)
    assert text.text and "High tide is at noon" in text.text

    filters: Any = {"type": "eq", "key": "kind", "value": "sea"}
    found = client.vector_stores.search(store.id, query="When is high tide?", filters=filters, max_num_results=5)
    assert [(each.file_id, each.filename) for each in found] == [(tides.id, "tides.md")]
    changed = client.vector_stores.files.update(tides.id, vector_store_id=store.id, attributes={"kind": "lake"})
    assert changed.attributes == {"kind": "lake"}
    assert list(client.vector_stores.search(store.id, query="tide", filters=filters)) == []

    provider.script(tool_call("file_search", {"query": "high tide"}), "At noon.")
    answer: Any = client.responses.create(
        model="gpt-4o",
        input="When is high tide?",
        tools=[{"type": "file_search", "vector_store_ids": [store.id], "max_num_results": 1}],
        include=["file_search_call.results"],
    )
    assert (answer.output_text, answer.output[0].results[0].file_id) == ("At noon.", tides.id)

    assert client.vector_stores.update(store.id, name="Shelf").name == "Shelf"
    assert client.vector_stores.files.delete(bread.id, vector_store_id=store.id).deleted
    assert client.files.retrieve(bread.id).id == bread.id
    assert as_sent(client.vector_stores.delete(store.id)).deleted
    with pytest.raises(NotFoundError):
        client.vector_stores.retrieve(store.id)
