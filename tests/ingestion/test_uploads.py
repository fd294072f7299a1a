"""Files sent as docs: what is answered, what is refused, what is found afterwards."""

import base64
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agents.models import Developer, Project
from docs_store.embedding import embed_due
from docs_store.files.services import prune_contents
from docs_store.ingestion.working import ingest_file
from docs_store.models import Doc, File, FileContent, Ingestion
from tests.api_client import ApiClient
from tests.extraction import samples
from tests.ingestion.conftest import Upload, form, stored

MISSING = "01900000-0000-7000-8000-000000000000"
PDF = samples.pdf(["The ebb is slow", "The flood is swift"], bookmarks={"Ebb": 0, "Flood": 1})


def test_the_answer_of_an_upload(api: ApiClient, upload: Upload) -> None:
    answer = upload(PDF, "tides.pdf", title="Tides", metadata='{"lang": "en"}', embed_instruction="Find:")
    body = answer.json()
    (job_id,) = body["jobs"]
    assert answer.status_code == 201
    assert (body["title"], body["content"], body["metadata"]) == ("Tides", [], {"lang": "en"})
    assert (body["embeddings"], body["embedding_state"]) == (None, "pending")
    assert api.get(f"/docs/{body['id']}").json()["content"] == []
    job = api.get(f"/jobs/{job_id}").json()
    assert {key: job[key] for key in ("name", "state", "progress", "doc_id", "parts_read", "error")} == {
        "name": "ingest_file",
        "state": "pending",
        "progress": 0,
        "doc_id": body["id"],
        "parts_read": 0,
        "error": None,
    }
    assert Doc.objects.get().embed_instruction == "Find:"


def test_what_is_read_is_the_docs_content_and_is_found(api: ApiClient, owner: str, ingest: Upload) -> None:
    doc_id, job = ingest(PDF, "tides.pdf")
    places = [{"page": 1, "heading": "Ebb"}, {"page": 2, "heading": "Flood"}]
    assert (job["state"], job["progress"], job["reason"]) == ("succeeded", 100, "the file is read")
    assert (job["parts_total"], job["parts_read"], job["chunks"], job["broken_parts"]) == (2, 2, 2, 0)
    embed_due(doc_id=UUID(doc_id))
    doc = api.get(f"/docs/{doc_id}").json()
    assert (doc["title"], doc["embedding_state"]) == ("tides.pdf", "ready")
    assert doc["content"] == ["The ebb is slow", "The flood is swift"]
    assert doc["content_metadata"] == places
    assert len(doc["embeddings"]) == 2
    (found,) = api.post(f"{owner}/search", {"text": "swift flood"}).json()["docs"]
    assert found["snippet"]["metadata"] == places[1]


def test_a_plain_doc_says_nothing_of_places(api: ApiClient, owner: str) -> None:
    doc = api.post(f"{owner}/docs", {"title": "t", "content": "tides"}).json()
    assert "content_metadata" not in doc
    (found,) = api.post(f"{owner}/search", {"text": "tides"}).json()["docs"]
    assert "metadata" not in found["snippet"]


@pytest.mark.parametrize("role", ["agents", "users"])
def test_a_stored_file(api: ApiClient, role: str, folder: Path) -> None:
    path = f"/{role}/{api.post(f'/{role}', {'name': 'Ada'}).json()['id']}"
    content = base64.b64encode(b"# Tides\n\nEbb and flow").decode()
    file_id = api.post("/files", {"name": "tides.md", "content": content}).json()["id"]
    answer = api.post(f"{path}/docs", {"file_id": file_id, "content": None, "metadata": {"a": 1}})
    assert answer.status_code == 201, answer.json()
    assert (answer.json()["title"], answer.json()["content"]) == ("tides.md", [])
    ingest_file(UUID(answer.json()["jobs"][0]))
    doc = api.get(f"/docs/{answer.json()['id']}").json()
    assert (doc["content"], doc["content_metadata"]) == (["Tides\n\nEbb and flow"], [{"heading": "Tides"}])
    assert [one["id"] for one in api.get(f"{path}/docs").json()["items"]] == [doc["id"]]
    assert stored(folder) == [file_id]


def test_the_same_file_under_the_same_title_is_there_once(
    api: ApiClient, upload: Upload, owner: str, folder: Path
) -> None:
    user = f"/users/{api.post('/users', {'name': 'Ada'}).json()['id']}"
    assert upload(b"Tides", title="t").status_code == 201
    again = upload(b"Tides", "other.txt", title="t")
    assert again.status_code == 409
    assert again.json()["error"]["message"] == "A doc with this content already exists for this agent during create"
    assert len(stored(folder)) == FileContent.objects.count() == Ingestion.objects.count() == 1
    assert upload(b"Tides", title="u").status_code == 201
    assert upload(b"Ebb", title="t").status_code == 201
    assert upload(b"Tides", title="t", path=user).status_code == 201


def test_the_title_is_the_name_of_the_file_without_one(upload: Upload) -> None:
    assert upload(b"a", "../../etc/tides.txt", title="").json()["title"] == "tides.txt"


@pytest.mark.parametrize(
    ("content", "fields", "loc", "kind"),
    [
        (None, {"title": "t"}, "file", "missing"),
        (None, {"file": "text"}, "file", None),
        (b"a", {"metadata": "[1]"}, "metadata", "dict_type"),
        (b"a", {"metadata": "{"}, "metadata", "json_invalid"),
        (b"a", {"title": "x" * 801}, "title", "string_too_long"),
    ],
)
def test_fields_that_are_wrong(
    upload: Upload, folder: Path, content: bytes | None, fields: dict[str, Any], loc: str, kind: str | None
) -> None:
    answer = upload(content, **fields)
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["loc"] == loc and (kind is None or detail["type"] == kind)
    assert not stored(folder) and not Doc.objects.exists()


def test_a_file_that_is_empty_or_too_large(upload: Upload, folder: Path, settings: Any) -> None:
    settings.MAX_FILE_BYTES = 10
    empty, large = upload(b""), upload(b"x" * 11)
    assert (empty.status_code, empty.json()["error"]["message"]) == (400, "content must not be empty")
    assert (large.status_code, large.json()["error"]["message"]) == (
        413,
        "The file is larger than the limit of 10 bytes",
    )
    assert not stored(folder) and not Doc.objects.exists() and not FileContent.objects.exists()


def test_a_form_over_the_limit_of_bodies(upload: Upload, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 2000
    assert upload(b"x" * 3000).status_code == 413


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data"),
        (b"nonsense", "multipart/form-data; boundary="),
        (b"--x\r\n" * 1000, "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 1500 + b"--x--",
            "multipart/form-data; boundary=x",
        ),
    ],
)
def test_forms_that_are_none(api: ApiClient, owner: str, raw: bytes, content_type: str) -> None:
    answer = api.post(f"{owner}/docs", raw=raw, content_type=content_type)
    assert answer.status_code in (400, 422), answer.content
    told = ("The form cannot be read", "The form is cut off", "Validation error")
    assert answer.json()["error"]["message"] in told


def test_owners_and_files_that_are_not_there(
    api: ApiClient, upload: Upload, owner: str, stranger: Developer, folder: Path
) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    foreign = File.objects.create(developer=stranger, project=project, name="f", size=1, sha256="0")
    for file_id in (MISSING, str(foreign.pk)):
        answer = api.post(f"{owner}/docs", {"title": "t", "file_id": file_id})
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "File not found")
    for path in (f"/agents/{MISSING}", f"/users/{MISSING}"):
        answer = upload(b"a", path=path)
        assert answer.status_code == 409
        assert "was not found" in answer.json()["error"]["message"]
    assert not stored(folder)


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"file_id": "x"}, "file_id"),
        ({"file_id": MISSING, "content": ["text"]}, "content"),
        ({"title": "t"}, "content"),
    ],
)
def test_bodies_that_are_wrong(api: ApiClient, owner: str, body: dict[str, Any], loc: str) -> None:
    answer = api.post(f"{owner}/docs", body)
    assert answer.status_code == 422
    assert [detail["loc"] for detail in answer.json()["error"]["details"]] == [loc]


def test_jobs_of_others_look_like_none(upload: Upload, api: ApiClient, stranger: Developer) -> None:
    (job_id,) = upload(b"a").json()["jobs"]
    Ingestion.objects.update(developer=stranger)
    for other in (job_id, MISSING):
        answer = api.get(f"/jobs/{other}")
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Job not found")


def test_an_upload_is_kept_until_it_is_read(
    ingest: Upload, upload: Upload, folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ingest(b"read", "other.txt")
    (job_id,) = upload(b"waiting").json()["jobs"]
    FileContent.objects.update(created_at="2020-01-01T00:00:00Z")
    assert prune_contents() == 0
    assert stored(folder) == [str(Ingestion.objects.get(pk=job_id).content_id)]
    Ingestion.objects.filter(pk=job_id).update(state="failed")
    assert prune_contents() == 1
    assert not stored(folder) and not FileContent.objects.exists()


def test_forms_are_for_docs_only(api: ApiClient) -> None:
    assert api.post("/files", **form(b"a")).status_code == 422
