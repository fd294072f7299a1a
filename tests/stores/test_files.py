"""`/v1/files`: the same files as `/files`, in OpenAI's words."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test.client import BOUNDARY, MULTIPART_CONTENT
from openai.types import FileDeleted, FileObject

from agents.models import Developer
from docs_store.models import File, FileContent
from docs_store.removal.expiry import remove_expired_files
from tests.api_client import ApiClient
from tests.ingestion.conftest import form, stored
from tests.judging import judged
from tests.stores.conftest import Send

TEXT = b"any \x00 bytes \xff" * 10


def test_a_file_of_one_surface_is_one_of_the_other(api: ApiClient, send_file: Send, developer: Developer) -> None:
    made = judged(FileObject, send_file(TEXT, "1 tide.bin", content_type="text/plain; charset=x").json())
    assert (made.object, made.bytes, made.filename, made.purpose) == ("file", len(TEXT), "1 tide.bin", "assistants")
    (row,) = File.objects.for_developer(developer)
    assert made.id == f"file-{row.pk.hex}" and made.created_at == int(row.created_at.timestamp())
    shown = api.get(f"/files/{row.pk}").json()
    assert (base64.b64decode(shown["content"]), shown["name"], shown["mime_type"]) == (TEXT, "1 tide.bin", "text/plain")
    for name in (made.id, str(row.pk)):
        assert api.get(f"/v1/files/{name}").json() == made.to_dict(mode="json") | {"expires_at": None}
        content = api.get(f"/v1/files/{name}/content")
        assert (content.content, content.headers["Content-Type"]) == (TEXT, "application/octet-stream")

    other = api.post("/files", {"name": "n.txt", "content": "aGk="}).json()["id"]
    shown = judged(FileObject, api.get(f"/v1/files/{other}").json())
    assert (shown.filename, shown.purpose, shown.bytes) == ("n.txt", "user_data", 2)
    gone = api.delete(f"/v1/files/{made.id}")
    assert (gone.status_code, judged(FileDeleted, gone.json()).id) == (200, made.id)
    assert [api.get(f"{path}/{row.pk}").status_code for path in ("/files", "/v1/files")] == [404, 404]
    assert [file["id"] for file in api.get("/files").json()] == [other]


def test_pages(api: ApiClient, file_id: Send) -> None:
    ids = [
        file_id(name=f"{number}.txt", purpose=purpose) for number, purpose in enumerate(("vision", "batch", "vision"))
    ]

    def page(**query: Any) -> tuple[list[str], bool]:
        answer = api.get("/v1/files", query).json()
        found = [file["id"] for file in answer["data"]]
        assert (answer["object"], answer["first_id"], answer["last_id"]) == ("list", found[0], found[-1])
        return found, answer["has_more"]

    assert page() == page(after="", limit="") == (ids[::-1], False)
    assert page(limit=2) == (ids[:0:-1], True)
    assert page(limit=2, after=ids[1]) == ([ids[0]], False)
    assert page(order="asc", limit=1, after=ids[0]) == ([ids[1]], True)
    assert page(purpose="vision") == ([ids[2], ids[0]], False)
    empty = api.get("/v1/files", {"purpose": "none"}).json()
    assert empty == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert api.get("/v1/files", {"after": "file-nowhere"}).status_code == 404
    for wrong in ({"limit": "0"}, {"limit": "10001"}, {"limit": "x"}, {"order": "up"}, {"sort": "asc"}):
        answer = api.get("/v1/files", wrong)
        assert answer.status_code in (400, 422) and next(iter(wrong)) in str(answer.json())


def test_listing_takes_two_queries(api: ApiClient, file_id: Send, django_assert_max_num_queries: Any) -> None:
    for number in range(3):
        file_id(name=f"{number}.txt")
    with django_assert_max_num_queries(2):
        assert len(api.get("/v1/files").json()["data"]) == 3


@pytest.mark.parametrize("purpose", ["user_data", "batch"])
def test_what_expires(api: ApiClient, send_file: Send, purpose: str) -> None:
    expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = send_file(purpose=purpose, **expiry).json()
    assert made["expires_at"] - made["created_at"] == 3600
    default = send_file(purpose=purpose).json()
    assert default["expires_at"] == (default["created_at"] + 30 * 24 * 3600 if purpose == "batch" else None)


@pytest.mark.django_db(transaction=True)
def test_what_has_expired_is_gone(api: ApiClient, file_id: Send, folder: Path) -> None:
    gone, kept = file_id(name="gone.txt"), file_id(name="kept.txt")
    File.objects.filter(name="gone.txt").update(expires_at=Now())
    File.objects.filter(name="kept.txt").update(expires_at=Now() + timedelta(hours=1))
    assert [api.get(f"/v1/files/{name}").status_code for name in (gone, kept)] == [404, 200]
    assert [file["name"] for file in api.get("/files").json()] == ["kept.txt"]
    assert (remove_expired_files(), remove_expired_files()) == (1, 0)
    assert [content.file_id.hex for content in FileContent.objects.all()] == [kept.removeprefix("file-")]
    assert len(stored(folder)) == 1


FORM = form(b"tides", purpose="assistants")["raw"]
_FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"\r\n\r\n1\r\n'
_END = f"--{BOUNDARY}--\r\n".encode()
_FILE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{{}}"\r\n\r\ntides\r\n'


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        pytest.param(FORM, "multipart/form-data", id="no boundary"),
        pytest.param(FORM, "multipart/form-data; boundary=other", id="another boundary"),
        pytest.param(FORM, f"multipart/form-data; boundary={'b' * 300}", id="a long boundary"),
        pytest.param(FORM[: len(FORM) // 2], MULTIPART_CONTENT, id="cut off"),
        pytest.param(FORM.removesuffix(_END), MULTIPART_CONTENT, id="without an end"),
        pytest.param(b"", MULTIPART_CONTENT, id="empty"),
        pytest.param(_FIELD.format("a").encode() * 10_000 + _END, MULTIPART_CONTENT, id="ten thousand fields"),
        pytest.param(_FILE.format("f").encode() * 10_000 + _END, MULTIPART_CONTENT, id="ten thousand files"),
        pytest.param(_FILE.format("f" * 1_000_000).encode() + _END, MULTIPART_CONTENT, id="a huge header"),
        pytest.param(_FIELD.format("purpose" * 100).encode() + FORM, MULTIPART_CONTENT, id="a long name"),
        pytest.param(_FIELD.format("\\x00").encode() + FORM, MULTIPART_CONTENT, id="a name that is none"),
        pytest.param(_FIELD.format("purpose").encode() + FORM, MULTIPART_CONTENT, id="a field twice"),
        pytest.param(_FILE.format("f").encode() + FORM, MULTIPART_CONTENT, id="two files"),
        pytest.param(
            _FILE.format("..").encode() + _FIELD.format("purpose").encode() + _END, MULTIPART_CONTENT, id="no name"
        ),
        pytest.param(b'{"file": "tides", "purpose": "vision"}', "application/json", id="no form"),
        pytest.param(b"\xff\xfe" * 1000, MULTIPART_CONTENT, id="noise"),
    ],
)
def test_forms_that_are_none(api: ApiClient, folder: Path, raw: bytes, content_type: str) -> None:
    answer = api.post("/v1/files", raw=raw, content_type=content_type)
    assert answer.status_code in (400, 413, 415, 422), answer.content
    assert answer.json()["error"]["message"]
    assert not stored(folder) and not File.objects.exists() and not FileContent.objects.exists()


@pytest.mark.parametrize(
    ("content", "fields", "place"),
    [
        (None, {}, "file"),
        (None, {"file": "text"}, "file"),
        (b"", {}, "file"),
        (b"a", {"purpose": ""}, "purpose"),
        (b"a", {"purpose": "fun"}, "purpose"),
        (b"a", {"purpose": "x" * 100_000}, "purpose"),
        (b"a", {"project": "p"}, "project"),
        (b"a", {"expires_after": "3600"}, "expires_after"),
        (b"a", {"expires_after[seconds]": "3600"}, "expires_after.anchor"),
        (b"a", {"expires_after[anchor]": "now", "expires_after[seconds]": "3600"}, "expires_after.anchor"),
        (b"a", {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"}, "expires_after.seconds"),
        (b"a", {"expires_after[anchor]": "created_at", "expires_after[seconds]": "9" * 500}, "expires_after.seconds"),
        (b"a", {"expires_after[anchor]": "created_at", "expires_after[days]": "1"}, "expires_after[days]"),
    ],
)
def test_fields_that_are_wrong(
    send_file: Send, folder: Path, content: bytes | None, fields: dict[str, Any], place: str
) -> None:
    answer = send_file(content, **fields)
    assert answer.status_code in (400, 422) and place in str(answer.json())
    assert not stored(folder) and not File.objects.exists()


def test_names_are_no_paths_and_hold_no_nul(api: ApiClient) -> None:
    names = {"../../etc/passwd": "passwd", "a\x00b.txt": "ab.txt", "ü" * 300 + ".txt": "ü" * 251 + ".txt"}
    for sent, kept in names.items():
        purpose = _FIELD.format("purpose").replace("\r\n1\r\n", "\r\nvision\r\n")
        answer = api.post(
            "/v1/files", raw=(_FILE.format(sent) + purpose).encode() + _END, content_type=MULTIPART_CONTENT
        )
        assert (answer.status_code, answer.json().get("filename")) == (200, kept)


def test_over_the_limits(send_file: Send, settings: Any, folder: Path) -> None:
    settings.MAX_FILE_BYTES = 10
    assert send_file(b"x" * 11).status_code == 413
    settings.MAX_BODY_BYTES = 2000
    assert send_file(b"x" * 3000).status_code == 413
    assert not stored(folder)
