"""Files over HTTP, and what lies in the storage afterwards."""

import base64
import errno
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection

from agents.models import Developer, Project
from docs_store.files.contents import storage_name
from docs_store.files.services import create_file, prune_contents
from docs_store.models import File, FileContent
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"
TEXT = b"any \x00 bytes \xff" * 100


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Where contents go in these tests."""
    settings.MEDIA_ROOT = str(tmp_path)
    storages["default"]  # the storage reads the folder when it is first used
    return tmp_path


def body(content: bytes = TEXT, **more: Any) -> dict[str, Any]:
    return {"name": "notes.txt", "content": base64.b64encode(content).decode(), **more}


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_create_answers_the_whole_object(api: ApiClient) -> None:
    response = api.post("/files", body(description="d", mime_type="text/plain"))
    answer = dict(response.json())
    assert response.status_code == 201
    assert answer.pop("created_at") == answer.pop("updated_at")
    file_id = answer.pop("id")
    assert answer == {
        "name": "notes.txt",
        "description": "d",
        "mime_type": "text/plain",
        "project": "default",
        "size": len(TEXT),
        "hash": hashlib.sha256(TEXT).hexdigest(),
        "content": base64.b64encode(TEXT).decode(),
        "jobs": [],
    }
    assert {**api.get(f"/files/{file_id}").json(), "jobs": []} == response.json()


@pytest.mark.parametrize("size", [1, 2, 3, 196_607, 196_608, 196_609, 1_500_000])
def test_contents_of_any_size_come_back(api: ApiClient, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    answer = api.post("/files", body(content[:size])).json()
    assert base64.b64decode(answer["content"]) == content[:size]
    assert answer["hash"] == hashlib.sha256(content[:size]).hexdigest()


def test_base64_may_be_broken_into_lines(api: ApiClient) -> None:
    lines = base64.encodebytes(TEXT).decode()
    assert base64.b64decode(api.post("/files", {**body(), "content": lines}).json()["content"]) == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "content must not be empty"),
        ("\n", "content must not be empty"),
        ("a", "content is not valid base64"),
        ("abc*", "content is not valid base64"),
        ("äöü=", "content is not valid base64"),
        ("YQ==YQ==", "content is not valid base64"),
        ("A" * 262_144 + "YQ==YWFh", "content is not valid base64"),
        ("A" * 262_140 + "AA==" + "A" * 8, "content is not valid base64"),
    ],
)
def test_base64_that_is_not(api: ApiClient, folder: Path, content: str, message: str) -> None:
    response = api.post("/files", {"name": "f", "content": content})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == message
    assert not stored(folder) and not File.objects.exists()


@pytest.mark.parametrize(
    ("change", "loc", "kind"),
    [
        ({"name": None}, "name", "string_type"),
        ({"name": ""}, "name", "string_too_short"),
        ({"name": "1.txt"}, "name", "string_pattern_mismatch"),
        ({"name": "x" * 121}, "name", "string_too_long"),
        ({"mime_type": "text"}, "mime_type", "string_pattern_mismatch"),
        ({"content": 7}, "content", "string_type"),
        ({"content": None}, "content", "string_type"),
    ],
)
def test_bad_fields(api: ApiClient, change: dict[str, Any], loc: str, kind: str) -> None:
    response = api.post("/files", {**body(), **change})
    assert response.status_code == 422
    assert [(entry["loc"], entry["type"]) for entry in response.json()["error"]["details"]] == [(loc, kind)]


def test_a_file_over_the_limit(api: ApiClient, settings: Any, folder: Path) -> None:
    settings.MAX_FILE_BYTES = len(TEXT) - 1
    response = api.post("/files", body())
    assert response.status_code == 413
    assert response.json()["error"]["message"] == f"The file is larger than the limit of {len(TEXT) - 1} bytes"
    assert not stored(folder)


def test_no_name_of_a_client_becomes_a_path(api: ApiClient, folder: Path, developer: Developer) -> None:
    answer = api.post("/files", body(name="../../etc/passwd")).json()
    assert answer["name"] == "../../etc/passwd"
    assert stored(folder) == [folder / storage_name(developer.pk, answer["id"])]


def test_unknown_project_stores_nothing(api: ApiClient, folder: Path) -> None:
    assert api.post("/files", body(project="nowhere")).status_code == 404
    assert not stored(folder)


def test_list_is_a_bare_array_newest_first(api: ApiClient) -> None:
    api.post("/projects", {"name": "p", "canonical_name": "other"})
    first = api.post("/files", body(b"one")).json()
    second = api.post("/files", body(b"two", project="other")).json()
    assert [file["id"] for file in api.get("/files").json()] == [second["id"], first["id"]]
    assert [file["content"] for file in api.get("/files?project=other").json()] == [second["content"]]
    assert api.get("/files?limit=101").status_code == 400


def test_a_page_too_large_to_answer_is_refused(api: ApiClient) -> None:
    ids = [api.post("/files", body(b"x")).json()["id"] for _ in range(2)]
    File.objects.filter(pk__in=ids).update(size=40 * 1024 * 1024)
    response = api.get("/files")
    assert response.status_code == 400
    assert "ask for fewer with limit" in response.json()["error"]["message"]
    assert len(api.get("/files?limit=1").json()) == 1


def test_delete_removes_the_content_after_commit(
    api: ApiClient, folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    file_id = api.post("/files", body()).json()["id"]
    with django_capture_on_commit_callbacks() as callbacks:
        assert api.delete(f"/files/{file_id}").status_code == 202
    assert stored(folder), "nothing is removed before the delete is final"
    for callback in callbacks:
        callback()
    assert not stored(folder)
    assert api.delete(f"/files/{file_id}").status_code == 404


def test_a_content_that_is_gone(api: ApiClient, folder: Path) -> None:
    file_id = api.post("/files", body()).json()["id"]
    stored(folder)[0].unlink()
    response = api.get(f"/files/{file_id}")
    assert response.status_code == 503
    assert response.json()["error"]["message"] == "A stored content cannot be read"


def test_a_file_that_is_removed_while_it_is_read(api: ApiClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = api.post("/files", body()).json()["id"]
    opened = FileSystemStorage._open  # type: ignore[attr-defined]

    def removed_first(storage: FileSystemStorage, *args: Any) -> Any:
        File.objects.all().delete()
        stored(folder)[0].unlink()
        return opened(storage, *args)

    monkeypatch.setattr(FileSystemStorage, "_open", removed_first)
    assert api.get(f"/files/{file_id}").status_code == 404


def test_a_content_that_is_gone_does_not_hide_the_others(api: ApiClient, folder: Path) -> None:
    gone = api.post("/files", body(b"gone")).json()["id"]
    stored(folder)[0].unlink()
    api.post("/files", body(b"here"))
    listed = api.get("/files").json()
    assert [file["content"] for file in listed] == [base64.b64encode(b"here").decode(), None]
    assert (listed[1]["id"], listed[1]["size"]) == (gone, 4)


class FullDisk(FileSystemStorage):
    """Takes half of a content, then no more."""

    def _save(self, name: str, content: Any) -> str:
        half = content.read()[: content.size // 2]
        super()._save(name, ContentFile(half))
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk(api: ApiClient, folder: Path, settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": f"{__name__}.FullDisk"}}
    response = api.post("/files", body())
    assert (response.status_code, response.json()["error"]["message"]) == (
        503,
        "The content cannot be stored now; try again later",
    )
    assert not stored(folder)
    assert not File.objects.exists() and not FileContent.objects.exists()


def test_contents_no_file_has_are_removed_after_a_day(
    api: ApiClient, folder: Path, developer: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = api.post("/files", body()).json()["id"]
    with monkeypatch.context() as crash, pytest.raises(KeyboardInterrupt):
        crash.setattr(File, "save", _crash)
        create_file(developer=developer, values=body(b"never named"))
    removed = api.post("/files", body(b"not removed at once")).json()["id"]
    assert api.delete(f"/files/{removed}").status_code == 202

    prune_contents()
    assert len(stored(folder)) == 3, "young contents may belong to a file that is being made"
    FileContent.objects.update(created_at="2020-01-01T00:00:00Z")
    prune_contents()
    assert [path.name for path in stored(folder)] == [kept]
    assert [content.file_id for content in FileContent.objects.all()] == [UUID(kept)]


def _crash(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_content_that_cannot_be_removed_is_kept_in_mind(
    api: ApiClient, folder: Path, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    ids = [api.post("/files", body()).json()["id"] for _ in range(2)]
    real = FileSystemStorage.delete

    def stuck(storage: FileSystemStorage, name: str) -> None:
        if name.endswith(ids[0]):
            raise OSError(errno.EIO, "Input/output error")
        real(storage, name)

    with monkeypatch.context() as failing:
        failing.setattr(FileSystemStorage, "delete", stuck)
        with django_capture_on_commit_callbacks(execute=True):
            assert [api.delete(f"/files/{file_id}").status_code for file_id in ids] == [202, 202]
        FileContent.objects.update(created_at="2020-01-01T00:00:00Z")
        assert prune_contents() == 0
    assert [path.name for path in stored(folder)] == [ids[0]]
    assert prune_contents() == 1
    assert not stored(folder) and not FileContent.objects.exists()


def test_files_of_others_look_like_none(api: ApiClient, stranger: Developer) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    foreign = File.objects.create(developer=stranger, project=project, name="f", size=1, sha256="0")
    for file_id in (foreign.pk, MISSING):
        for method in ("GET", "DELETE"):
            response = api.send(method, f"/files/{file_id}")
            assert (response.status_code, response.json()["error"]["message"]) == (404, "File not found")
    assert api.get("/files").json() == []


def test_listing_takes_two_queries(api: ApiClient, django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        api.post("/files", body())
    assert connection.in_atomic_block
    with django_assert_max_num_queries(2):
        assert len(api.get("/files").json()) == 3
