"""The loopback S3 through Django's own storage, as the product uses it."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.core.files import File
from django.core.files.storage.handler import StorageHandler

from julep_project.settings import _file_storage
from tests.loopback.s3_server import S3Server


@pytest.fixture
def storage(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    found: Any = StorageHandler({"default": _file_storage()})["default"]
    yield found
    found.connection.meta.client.close()


def test_what_was_saved_is_read(storage: Any) -> None:
    content = b"large " * 600_000
    name = storage.save("a/b", File(BytesIO(content)))

    with storage.open(name) as stored:
        assert stored.read() == content
    storage.delete(name)
    assert not storage.exists(name)


def test_a_test_may_answer_instead(storage: Any, s3_server: S3Server) -> None:
    def refuse(real: Callable[..., Any], environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "GET":
            start_response("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        return real(environ, start_response)

    name = storage.save("a/b", File(BytesIO(b"x")))
    s3_server.interpose(refuse)
    with pytest.raises(ClientError), storage.open(name) as stored:
        stored.read()
    s3_server.interpose(None)
    with storage.open(name) as stored:
        assert stored.read() == b"x"
