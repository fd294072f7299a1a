"""Vector stores that several change at once, or while their files are read."""

from functools import partial
from typing import Any

import pytest

from docs_store.ingestion import working
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
