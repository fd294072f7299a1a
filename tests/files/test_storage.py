"""Where files go, by the environment."""

from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.storage.handler import StorageHandler
from storages.backends.s3 import S3Storage

from julep_project.settings import _file_storage

BUCKET = {
    "FILES_S3_BUCKET": "kept-here",
    "FILES_S3_ENDPOINT_URL": "http://127.0.0.1:9000",
    "FILES_S3_REGION": "eu-north-1",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def configured() -> Any:
    return StorageHandler({"default": _file_storage()})["default"]


def test_a_local_folder_unless_a_bucket_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILES_S3_BUCKET", raising=False)
    assert isinstance(configured(), FileSystemStorage)


def test_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BUCKET.items():
        monkeypatch.setenv(name, value)
    storage = configured()
    assert isinstance(storage, S3Storage)
    assert (storage.bucket_name, storage.endpoint_url, storage.region_name) == tuple(BUCKET.values())[:3]
    assert (storage.access_key, storage.secret_key, storage.file_overwrite) == ("id", "secret", False)
