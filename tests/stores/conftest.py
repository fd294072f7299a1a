"""Fixtures of the tests of files and vector stores in the words of OpenAI's API."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages

from docs_store.embedding import embed_due
from docs_store.ingestion.working import ingest_file
from docs_store.models import Ingestion
from julep_project.core.jobs.rows import OPEN
from tests.api_client import ApiClient
from tests.ingestion.conftest import form

Send = Callable[..., Any]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Where contents go in these tests."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    storages["default"]  # the storage reads the folder when it is first used
    return tmp_path / "media"


@pytest.fixture
def send_file(api: ApiClient) -> Send:
    """Sends a form with a file; gives the answer."""

    def send(content: bytes | None = b"High tide is at noon.", name: str = "tides.txt", **fields: Any) -> Any:
        return api.post("/v1/files", **form(content, name, **{"purpose": "assistants", **fields}))

    return send


@pytest.fixture
def file_id(send_file: Send) -> Callable[..., str]:
    """Stores a file; its id."""

    def stored(*given: Any, **fields: Any) -> str:
        answer = send_file(*given, **fields)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["id"])

    return stored


@pytest.fixture
def store(api: ApiClient) -> Callable[..., str]:
    """Makes a vector store; its path."""

    def made(**body: Any) -> str:
        answer = api.post("/v1/vector_stores", body)
        assert answer.status_code == 200, answer.content
        return f"/v1/vector_stores/{answer.json()['id']}"

    return made


def read_files() -> None:
    """Do what workers do: read all files that wait, and make their vectors."""
    for job_id in Ingestion.objects.filter(state__in=OPEN).order_by("created_at", "pk").values_list("pk", flat=True):
        ingest_file(job_id)
    while embed_due():
        """Another doc has its vectors."""
