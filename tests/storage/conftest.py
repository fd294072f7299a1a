"""Contents in a bucket on loopback, in this process."""

from typing import Any

import pytest

from julep_project.settings import _file_storage
from tests.loopback.s3_server import S3Server


def give_time(settings: Any, seconds: int) -> None:
    """Wait so long for each answer of the storage from now on."""
    settings.FILES_S3_TIMEOUT_S = settings.FILES_S3_CONNECT_TIMEOUT_S = seconds
    settings.STORAGES = {**settings.STORAGES, "default": _file_storage()}


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, settings: Any) -> S3Server:
    """The service that keeps files and large values in the test."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    give_time(settings, 60)
    settings.BLOB_STORE_CUTOFF_KB = 1
    return s3_server
