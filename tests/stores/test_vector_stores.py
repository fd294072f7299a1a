"""`/v1/vector_stores`: files that are searched together, in OpenAI's words."""

import time
import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db.models.functions import Now
from openai.types import VectorStore, VectorStoreDeleted
from openai.types.vector_stores import VectorStoreFile, VectorStoreFileBatch, VectorStoreFileDeleted

from agents.models import Developer
from agents.retention.kinds import Expired
from agents.retention.pace import Pace
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding, Ingestion
from docs_store.models import VectorStore as StoreRow
from docs_store.models import VectorStoreFile as StoreFileRow
from docs_store.removal.expiry import DOCS, empty_expired_stores
from julep_project.core import clock
from tests.api_client import ApiClient
from tests.judging import judged
from tests.stores.conftest import Send, read_files

STATIC = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}
WORDS = " ".join(f"word{number}" for number in range(200))


def counts(path: str, api: ApiClient) -> dict[str, int]:
    """How many of its files stand where, of those there are."""
    found = api.get(path).json()["file_counts"]
    return {name: number for name, number in found.items() if number and name != "total"}


def days(number: int) -> dict[str, Any]:
    return {"anchor": "last_active_at", "days": number}


def test_made_changed_and_removed(api: ApiClient, store: Send) -> None:
    path = store(name="Tides", description="of the sea", metadata={"k": "v"}, expires_after=days(7))
    made = judged(VectorStore, api.get(path).json())
    assert path.endswith(made.id) and made.id.startswith("vs_")
    assert (made.name, made.metadata, made.status, made.usage_bytes) == ("Tides", {"k": "v"}, "completed", 0)
    assert made.last_active_at and made.expires_at == made.last_active_at + 7 * 24 * 3600
    changed = judged(VectorStore, api.post(path, {"name": "Ebb", "metadata": {"a": "b"}}).json())
    assert (changed.name, changed.metadata, changed.expires_after) == ("Ebb", {"a": "b"}, made.expires_after)
    bare = judged(VectorStore, api.post(path, {"name": None, "metadata": None, "expires_after": None}).json())
    assert (bare.name, bare.metadata, bare.expires_after, bare.expires_at) == ("Ebb", {}, None, None)
    assert api.get(f"/vector_stores/{StoreRow.objects.get().pk}").json()["id"] == made.id
    gone = api.delete(path)
    assert (gone.status_code, judged(VectorStoreDeleted, gone.json()).id) == (200, made.id)
    assert [send(path).status_code for send in (api.get, api.delete)] == [404, 404]


def test_pages(api: ApiClient, store: Send, django_assert_max_num_queries: Any) -> None:
    ids = [store(name=str(number)).rpartition("/")[2] for number in range(4)]

    def page(**query: Any) -> tuple[list[str], bool]:
        answer = api.get("/v1/vector_stores", query).json()
        return [found["id"] for found in answer["data"]], answer["has_more"]

    with django_assert_max_num_queries(2):
        assert page() == (ids[::-1], False)
    assert page(limit=2) == ([ids[3], ids[2]], True)
    assert page(limit=2, after=ids[2]) == ([ids[1], ids[0]], False)
    assert page(limit=1, before=ids[1]) == ([ids[2]], True)
    assert page(before=ids[2], order="asc") == ([ids[0], ids[1]], False)
    assert api.get("/v1/vector_stores", {"after": f"vs_{'0' * 32}"}).status_code == 404


def test_a_file_is_read_and_taken_out(api: ApiClient, store: Send, file_id: Send) -> None:
    path, name = store(), file_id(WORDS.encode(), "words.txt")
    body = {"file_id": name, "attributes": {"kind": "list", "n": 1.5, "new": True}, "chunking_strategy": STATIC}
    begun = judged(VectorStoreFile, api.post(f"{path}/files", body).json())
    assert (begun.id, begun.status, begun.attributes) == (name, "in_progress", body["attributes"])
    assert begun.chunking_strategy and begun.chunking_strategy.to_dict() == STATIC
    assert (api.get(path).json()["status"], counts(path, api)) == ("in_progress", {"in_progress": 1})
    read_files()
    done = judged(VectorStoreFile, api.get(f"{path}/files/{name}").json())
    assert (done.status, done.last_error, done.usage_bytes > len(WORDS)) == ("completed", None, True)
    shown = api.get(path).json()
    assert (shown["status"], shown["usage_bytes"], counts(path, api)) == (
        "completed",
        done.usage_bytes,
        {"completed": 1},
    )

    texts = [part["text"] for part in api.get(f"{path}/files/{name}/content").json()["data"]]
    assert len(texts) > 3 and max(map(len, texts)) <= 400
    for before, text in zip(texts, texts[1:], strict=False):
        assert text.split("\n")[0] in before and before.endswith(text.split("\n")[0])
    assert " ".join(text.split("\n")[-1] for text in texts) == WORDS

    changed = api.post(f"{path}/files/{name}", {"attributes": {"kind": "other"}}).json()
    assert changed["attributes"] == Doc.objects.get().metadata == {"kind": "other"}
    again = api.post(f"{path}/files", body | {"attributes": None}).json()
    assert (again["status"], again["attributes"], Ingestion.objects.count()) == ("completed", {}, 1)
    gone = api.delete(f"{path}/files/{name}")
    assert (gone.status_code, judged(VectorStoreFileDeleted, gone.json()).id) == (200, name)
    assert api.get(f"{path}/files/{name}").status_code == 404
    assert api.get(f"/v1/files/{name}").status_code == 200
    for model in (Doc, Chunk, Embedding, DocEmbedding, Ingestion, StoreFileRow):
        assert not model.objects.exists(), model


def test_files_that_cannot_be_read(api: ApiClient, store: Send, file_id: Send) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "tides")
    names = [file_id(packed.getvalue(), "a.zip"), file_id(b"   ", "blank.txt")]
    path = store(file_ids=names)
    read_files()
    found = [judged(VectorStoreFile, api.get(f"{path}/files/{name}").json()) for name in names]
    assert [each.status for each in found] == ["failed", "failed"]
    assert [each.last_error and each.last_error.code for each in found] == ["unsupported_file", "invalid_file"]
    assert all(each.last_error and each.last_error.message for each in found)
    assert (api.get(path).json()["status"], counts(path, api)) == ("completed", {"failed": 2})
    assert api.post(f"{path}/files", {"file_id": names[1]}).json()["status"] == "in_progress", "it is read once more"
    assert counts(path, api) == {"failed": 1, "in_progress": 1}


def test_what_has_no_vectors_is_not_ready(api: ApiClient, store: Send, file_id: Send) -> None:
    path = store(file_ids=[file_id()])
    read_files()
    for state, status in (("pending", "in_progress"), ("failed", "failed"), ("ready", "completed")):
        DocEmbedding.objects.update(state=state)
        (found,) = api.get(f"{path}/files").json()["data"]
        assert (found["status"], bool(found["last_error"])) == (status, state == "failed")


def test_a_worker_of_the_version_before(api: ApiClient, store: Send, file_id: Send) -> None:
    """It does not know that chunks have the column; they are found all the same."""
    store(file_ids=[file_id()])
    doc = Doc.objects.get()
    chunk = Chunk.objects.create(developer=doc.developer, doc=doc, index=0, content="tide", search="")
    vector = Embedding.objects.create(developer=doc.developer, doc=doc, chunk=chunk, model="m", vector=[1, 2])
    for row in (chunk, vector):
        row.refresh_from_db(fields=["store"])
        assert row.store_id == doc.store_id is not None


def test_pages_of_files(api: ApiClient, store: Send, file_id: Send) -> None:
    names = [file_id(name=f"{number}.txt") for number in range(3)]
    path = store()
    for name in names:
        assert api.post(f"{path}/files", {"file_id": name}).status_code == 200
    Ingestion.objects.filter(content_id=names[1].removeprefix("file-")).update(state="failed")

    def page(**query: Any) -> list[str]:
        return [found["id"] for found in api.get(f"{path}/files", query).json()["data"]]

    assert page() == names[::-1]
    assert page(filter="failed") == [names[1]] and page(filter="in_progress") == [names[2], names[0]]
    assert page(after=names[2], limit=1) == [names[1]] and page(before=names[1], order="asc") == [names[0]]
    assert page(filter="failed", after=names[2]) == [names[1]]
    assert api.get(f"{path}/files", {"filter": "lost"}).status_code in (400, 422)


def test_a_file_goes_from_the_stores_it_is_in(api: ApiClient, store: Send, file_id: Send) -> None:
    name = file_id()
    paths = [store(file_ids=[name]), store(file_ids=[name, name])]
    read_files()
    assert Doc.objects.count() == 2
    assert api.delete(paths[0]).status_code == 200
    assert Doc.objects.count() == 1
    assert api.delete(f"/v1/files/{name}").status_code == 200
    assert counts(paths[1], api) == {}
    for model in (Doc, Chunk, Embedding, Ingestion, StoreFileRow):
        assert not model.objects.exists(), model


def test_batches(api: ApiClient, store: Send, file_id: Send) -> None:
    names = [file_id(name=f"{number}.txt") for number in range(3)]
    path = store()
    first = {"file_ids": names[:2], "attributes": {"kind": "tide"}, "chunking_strategy": STATIC}
    batch = judged(VectorStoreFileBatch, api.post(f"{path}/file_batches", first).json())
    at = f"{path}/file_batches/{batch.id}"
    assert (batch.status, batch.file_counts.total, counts(at, api)) == ("in_progress", 2, {"in_progress": 2})
    read_files()
    done = judged(VectorStoreFileBatch, api.get(at).json())
    assert (done.status, done.file_counts.completed) == ("completed", 2)
    listed = [judged(VectorStoreFile, found) for found in api.get(f"{at}/files").json()["data"]]
    assert {found.id for found in listed} == set(names[:2])
    assert all(found.attributes == {"kind": "tide"} for found in listed)

    each = {"files": [{"file_id": name, "attributes": {"n": n}} for n, name in enumerate(names)]}
    second = api.post(f"{path}/file_batches", each).json()
    assert second["file_counts"]["total"] == 3, "what is in the store already, too: it is cut otherwise now"
    at = f"{path}/file_batches/{second['id']}"
    cancelled = judged(VectorStoreFileBatch, api.post(f"{at}/cancel").json())
    assert (cancelled.status, cancelled.file_counts.cancelled) == ("cancelled", 3)
    assert not Doc.objects.exists() and not Ingestion.objects.filter(state="pending").exists()
    assert [found["attributes"] for found in api.get(f"{at}/files", {"filter": "cancelled"}).json()["data"]]
    assert api.post(f"{at}/cancel").json() == cancelled.to_dict(mode="json"), "again is no change"


@pytest.mark.django_db(transaction=True)
def test_expired(api: ApiClient, store: Send, file_id: Send) -> None:
    path = store(file_ids=[file_id()], expires_after=days(1))
    kept = store(file_ids=[file_id(name="kept.txt")], expires_after=days(2))
    read_files()
    StoreRow.objects.update(last_active_at=Now() - timedelta(hours=25))
    assert [api.get(each).json()["status"] for each in (path, kept)] == ["expired", "completed"]
    name = file_id(name="new.txt")
    for refused in (
        api.post(f"{path}/search", {"query": "tide"}),
        api.post(f"{path}/files", {"file_id": name}),
        api.post(f"{path}/file_batches", {"file_ids": [name]}),
        api.post(path, {"expires_after": None}),
    ):
        assert (refused.status_code, refused.json()["error"]["message"]) == (400, "The vector store has expired")
    assert api.post(f"{kept}/search", {"query": "tide"}).status_code == 200
    assert api.get(kept).json()["expires_at"] > time.time() + 47 * 3600, "it is used"
    assert (empty_expired_stores(), empty_expired_stores()) == (1, 0)
    assert (counts(path, api), counts(kept, api), Doc.objects.count()) == ({}, {"completed": 1}, 1)
    assert api.delete(path).status_code == 200
    owner = StoreRow.objects.get().developer_id
    assert DOCS.remove(Expired(owner, clock.now() + timedelta(hours=1)), Pace()) == 1, "as retention does"
    assert (counts(kept, api), Ingestion.objects.count()) == ({}, 0)


def test_of_others_looks_like_none(api: ApiClient, stranger: Developer, file_id: Send) -> None:
    foreign = StoreRow.objects.create(developer=stranger, name="s")
    name = file_id()
    for store_id in (f"vs_{foreign.pk.hex}", f"vs_{'0' * 32}", "vs_x", "nothing"):
        path = f"/v1/vector_stores/{store_id}"
        answers = [api.get(path), api.post(path, {"name": "n"}), api.delete(path), api.get(f"{path}/files")]
        answers += [api.post(f"{path}/files", {"file_id": name}), api.get(f"{path}/files/{name}")]
        answers += [api.post(f"{path}/file_batches", {"file_ids": [name]}), api.get(f"{path}/file_batches/vsfb_x")]
        assert {(each.status_code, each.json()["error"]["message"]) for each in answers} == {
            (404, "Vector store not found")
        }


def test_a_store_takes_so_many_files(api: ApiClient, store: Send, file_id: Send, monkeypatch: Any) -> None:
    monkeypatch.setattr("docs_store.stores.services.MOST_FILES", 1)
    path = store(file_ids=[file_id()])
    answer = api.post(f"{path}/files", {"file_id": file_id(name="second.txt")})
    assert (answer.status_code, counts(path, api)) == (400, {"in_progress": 1})
