"""Vector stores that several change at once, or while their files are read."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from docs_store.ingestion import working
from docs_store.ingestion.jobs import INGESTIONS
from docs_store.models import Chunk, Doc, Embedding, Ingestion, VectorStoreFile
from tests.api_client import ApiClient
from tests.stores.conftest import Send, read_files
from tests.together import together

# What takes a file away -> what is left: its job's state, and how many files the store has.
TAKEN_AWAY = {
    "its batch is cancelled": ("post", "{store}/file_batches/{batch}/cancel", ["aborted"]),
    "it is taken out": ("delete", "{store}/files/{file}", []),
    "it is removed": ("delete", "/v1/files/{file}", []),
    "the store is removed": ("delete", "{store}", []),
}
# Of what is in a store, what is taken away with what was read in it.
OTHERWISE = {
    "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
}
ENDS = {
    "it is cut otherwise": ("POST", "{store}/files", OTHERWISE),
    "it is taken out": ("DELETE", "{store}/files/{file}", {}),
    "it is removed": ("DELETE", "/v1/files/{file}", {}),
    "the store is removed": ("DELETE", "{store}", {}),
}


@pytest.mark.parametrize("how", TAKEN_AWAY)
def test_a_file_is_taken_away_while_it_is_read(
    api: ApiClient, store: Send, file_id: Send, monkeypatch: Any, how: str
) -> None:
    """Whoever reads it finds its job gone, and stores nothing."""
    method, path, left = TAKEN_AWAY[how]
    at, file = store(), file_id()
    batch = api.post(f"{at}/file_batches", {"file_ids": [file]}).json()["id"]
    fetched = working._fetch

    def taken_away_first(*given: Any) -> None:
        fetched(*given)
        assert api.send(method.upper(), path.format(store=at, batch=batch, file=file)).status_code == 200

    monkeypatch.setattr(working, "_fetch", taken_away_first)
    read_files()
    assert list(Ingestion.objects.values_list("state", flat=True)) == left
    assert VectorStoreFile.objects.count() == len(left)
    for model in (Doc, Chunk, Embedding):
        assert not model.objects.exists(), model


def test_a_file_is_taken_out_as_it_is_claimed(api: ApiClient, store: Send, file_id: Send, monkeypatch: Any) -> None:
    """Whoever was to read it has nothing to do."""
    at, file = store(), file_id()
    api.post(f"{at}/files", {"file_id": file})
    claim = INGESTIONS.leases.claim

    def claim_and_lose(*given: Any, **changes: Any) -> Any:
        held = claim(*given, **changes)
        if held is not None:
            assert api.delete(f"{at}/files/{file}").status_code == 200
        return held

    monkeypatch.setattr(INGESTIONS.leases, "claim", claim_and_lose)
    read_files()
    assert not Ingestion.objects.exists() and not Doc.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_file_is_added_by_several(api: ApiClient, store: Send, file_id: Send) -> None:
    at, file = store(), file_id()

    def add(number: int) -> int:
        status: int = ApiClient().post(f"{at}/files", {"file_id": file, "attributes": {"n": number}}).status_code
        return status

    def add_all() -> int:
        status: int = ApiClient().post(f"{at}/file_batches", {"file_ids": [file]}).status_code
        return status

    assert together(*(partial(add, number) for number in range(3)), add_all) == [200] * 4
    assert (VectorStoreFile.objects.count(), Ingestion.objects.count(), Doc.objects.count()) == (1, 1, 1)
    removals = together(*[lambda: ApiClient().delete(f"{at}/files/{file}").status_code] * 2, read_files)
    assert sorted(removals[:2]) == [200, 404]
    assert not VectorStoreFile.objects.exists() and not Doc.objects.exists() and not Chunk.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ENDS)
def test_nobody_waits_for_ever_for_a_file(api: ApiClient, store: Send, file_id: Send, how: str) -> None:
    """A file is held before what was read in it, and whoever reads it can see meanwhile that it is there."""
    method, path, changes = ENDS[how]
    at, file = store(), file_id()
    api.post(f"{at}/files", {"file_id": file})
    read_files()

    def take_away() -> int:
        path_to_it = path.format(store=at, file=file)
        try:
            status: int = ApiClient().send(method, path_to_it, {"file_id": file, **changes}).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Doc.objects.select_for_update(no_key=True).get()
            other = pool.submit(take_away)
            _wait_for_a_waiter()
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM docs_store_vectorstorefile FOR KEY SHARE NOWAIT")
                with pytest.raises(OperationalError), transaction.atomic():
                    cursor.execute("SELECT FROM docs_store_vectorstorefile FOR NO KEY UPDATE NOWAIT")
        assert other.result(timeout=30) == 200


def _wait_for_a_waiter() -> None:
    # Other tests wait for locks in other databases of the server.
    waiting = """
        SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()
    """
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while not cursor.execute(waiting).fetchone()[0]:
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)


def test_many_files_are_described_together(
    api: ApiClient, store: Send, file_id: Send, django_assert_max_num_queries: Any
) -> None:
    at = store()
    files = [file_id(f"Tide {number}".encode(), f"{number}.txt") for number in range(12)]
    api.post(f"{at}/file_batches", {"file_ids": files})
    read_files()
    wanted = [{"file_id": file, "attributes": {"number": number}} for number, file in enumerate(files)]
    with django_assert_max_num_queries(40):
        batch = api.post(f"{at}/file_batches", {"files": [*wanted, wanted[0]]}).json()
    assert batch["file_counts"]["completed"] == 12
    otherwise = {"files": [wanted[0], {**wanted[0], "attributes": {"number": 99}}]}
    assert api.post(f"{at}/file_batches", otherwise).status_code == 422
    assert [api.get(f"{at}/files/{file}").json()["attributes"] for file in files] == [
        each["attributes"] for each in wanted
    ]
    assert {doc.title: doc.metadata for doc in Doc.objects.all()} == {
        f"{number}.txt": {"number": number} for number in range(12)
    }
    assert Ingestion.objects.count() == 12
