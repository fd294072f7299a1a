"""Whatever a storage does wrong is one of two errors, and nothing waits for it for long."""

import base64
import errno
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage

from julep_project.core.errors import ContentMissing, StorageUnavailable
from julep_project.core.storage.storage import read_stored, remove, save_new
from tests.api_client import ApiClient
from tests.loopback.bad_storage import BadStorage, failing, garbage, hanging, lying
from tests.loopback.s3_server import S3Server
from tests.storage.conftest import give_time

NAME = "files/some/content"
CONTENT = b"x" * 5000


def stored(name: str = NAME) -> str:
    save_new(name, BytesIO(CONTENT))
    return name


def spoilt(bucket: S3Server, answer: Any, *methods: str) -> BadStorage:
    bad = BadStorage(answer, methods) if methods else BadStorage(answer)
    bucket.interpose(bad)
    return bad


def test_what_was_stored_is_read_with_one_request(bucket: S3Server) -> None:
    stored()
    seen = spoilt(bucket, lambda real, environ, start: real(environ, start))

    assert read_stored(NAME, size=len(CONTENT)) == CONTENT
    assert seen.asked == ["GET"]


@pytest.mark.parametrize("status", [500, 503, 403, 507])
def test_errors_of_the_service(bucket: S3Server, status: int) -> None:
    stored()
    bad = spoilt(bucket, failing(status))

    for use in (lambda: read_stored(NAME), lambda: save_new("files/other", BytesIO(b"y")), lambda: remove(NAME)):
        with pytest.raises(StorageUnavailable) as caught:
            use()
        assert "secret-place" not in f"{caught.value.message} {caught.value.reason}"
    assert len(bad.asked) <= 4 * 2, "each request is sent twice at most"
    bucket.interpose(None)
    assert read_stored(NAME) == CONTENT


@pytest.mark.parametrize(
    "answer",
    [
        lying(lambda size: size + 10),
        lying(lambda size: size, lambda size: size // 2),
        lying(lambda size: size // 2, lambda size: size // 2),
        lying(lambda size: 0, lambda size: 0),
        garbage,
    ],
    ids=["claims too much", "cut off", "says it is shorter", "says it is empty", "another page"],
)
def test_lies_about_lengths(bucket: S3Server, answer: Any) -> None:
    stored()
    spoilt(bucket, answer, "GET")

    with pytest.raises(StorageUnavailable):
        read_stored(NAME, size=len(CONTENT))


def test_nobody_waits_for_one_that_hangs(bucket: S3Server, settings: Any) -> None:
    stored()
    give_time(settings, 1)
    over = threading.Event()
    bad = spoilt(bucket, hanging(over))
    try:
        with pytest.raises(StorageUnavailable) as caught:
            read_stored(NAME)
    finally:
        over.set()
    assert (caught.value.reason, len(bad.asked)) == ("ReadTimeoutError", 2)


def test_nobody_there(bucket: S3Server) -> None:
    stored()
    bucket.stop()

    for use in (lambda: read_stored(NAME), lambda: save_new("files/other", BytesIO(b"y")), lambda: remove(NAME)):
        with pytest.raises(StorageUnavailable) as caught:
            use()
    assert caught.value.reason == "EndpointConnectionError"


def test_a_content_that_is_gone(bucket: S3Server) -> None:
    with pytest.raises(ContentMissing):
        read_stored(NAME)
    remove(NAME)


def test_a_bucket_that_is_gone_lacks_everything_for_a_while(bucket: S3Server) -> None:
    default_storage.bucket.delete()  # type: ignore[attr-defined]

    with pytest.raises(StorageUnavailable):
        read_stored(NAME)


def test_a_local_folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    with pytest.raises(StorageUnavailable):
        read_stored(NAME)
    stored()
    assert read_stored(NAME) == CONTENT
    remove(NAME)
    with pytest.raises(ContentMissing):
        read_stored(NAME)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE])
def test_a_disk_that_takes_nothing(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    settings.MEDIA_ROOT = str(tmp_path)

    def full(storage: FileSystemStorage, name: str, content: Any) -> str:
        raise OSError(number, "told by the machine")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    with pytest.raises(StorageUnavailable) as caught:
        stored()
    assert caught.value.reason == "told by the machine"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


FILE = {"name": "a.txt", "content": base64.b64encode(CONTENT).decode()}


@pytest.mark.parametrize("answer", [failing(503), failing(403), garbage, lying(lambda size: size // 2)])
def test_a_request_for_a_file_is_told_to_come_back(bucket: S3Server, api: ApiClient, answer: Any) -> None:
    file = api.post("/files", FILE).json()
    spoilt(bucket, answer, "GET")

    refused = api.get(f"/files/{file['id']}")

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json()["error"]["message"].startswith("A stored content cannot be read")
    assert api.get("/files").json()[0]["content"] is None
    bucket.interpose(None)
    assert api.get(f"/files/{file['id']}").json()["content"] == FILE["content"]


def test_a_file_that_cannot_be_stored(bucket: S3Server, api: ApiClient) -> None:
    spoilt(bucket, failing(507))
    refused = api.post("/files", FILE)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json()["error"]["message"] == "The content cannot be stored now; try again later"
    assert api.get("/files").json() == []
    bucket.interpose(None)
    assert api.post("/files", FILE).status_code == 201


def test_a_file_whose_content_is_gone_is_not_asked_for_again(bucket: S3Server, api: ApiClient) -> None:
    file = api.post("/files", FILE).json()
    for summary in default_storage.bucket.objects.all():  # type: ignore[attr-defined]
        summary.delete()

    refused = api.get(f"/files/{file['id']}")

    assert (refused.status_code, refused.headers["x-should-retry"]) == (503, "false")
    assert "retry-after" not in refused.headers
