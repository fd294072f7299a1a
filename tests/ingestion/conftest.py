"""Fixtures of the tests of files that become docs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from docs_store.ingestion.working import ingest_file
from tests.api_client import ApiClient

Upload = Callable[..., Any]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Where contents go in these tests."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    storages["default"]  # the storage reads the folder when it is first used
    return tmp_path / "media"


@pytest.fixture
def owner(api: ApiClient) -> str:
    """The path of an agent."""
    return f"/agents/{api.post('/agents', {'name': 'Reader'}).json()['id']}"


def form(content: bytes | None, name: str = "tides.txt", **fields: Any) -> dict[str, Any]:
    """Arguments of a request that uploads a file."""
    if content is not None:
        fields["file"] = SimpleUploadedFile(name, content, fields.pop("content_type", "application/octet-stream"))
    return {"raw": encode_multipart(BOUNDARY, fields), "content_type": MULTIPART_CONTENT}


@pytest.fixture
def upload(api: ApiClient, owner: str) -> Upload:
    """Uploads a file as a doc of the agent, or of another owner; gives the answer."""

    def send(content: bytes | None, name: str = "tides.txt", *, path: str = "", **fields: Any) -> Any:
        return api.post(f"{path or owner}/docs", **form(content, name, **fields))

    return send


@pytest.fixture
def ingest(api: ApiClient, upload: Upload) -> Upload:
    """Uploads a file and has it read; gives the doc's id and the job as the API shows it then."""

    def read(content: bytes, name: str = "tides.txt", **fields: Any) -> tuple[str, dict[str, Any]]:
        answer = upload(content, name, **fields)
        assert answer.status_code == 201, answer.json()
        (job_id,) = answer.json()["jobs"]
        ingest_file(UUID(job_id))
        return answer.json()["id"], api.get(f"/jobs/{job_id}").json()

    return read


def stored(folder: Path) -> list[str]:
    """Names of the contents in the storage."""
    return [path.name for path in folder.rglob("*") if path.is_file()]
