"""More than a server process takes, over real connections: each request has an answer that every client can read."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api_client import API_KEY
from tests.backend import Backend
from tests.devservices.test_admission import BUSY

pytestmark = pytest.mark.django_db(transaction=True)

MOST_BODY = 256 * 1024
ORIGIN = "https://app.example.com"
# One thread and two that wait, two streams: what the server of these tests takes.
RESOURCES, STREAMS = 3, 2
SENT = {"Authorization": f"Bearer {API_KEY}", "Origin": ORIGIN, "X-Request-Id": "req-1"}
FLOOD = 64
LONGEST_S = 60


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder: Path = tmp_path_factory.mktemp("flooded")
    bounds = {"API_THREADS": "1", "API_WAITING": str(RESOURCES - 1), "API_STREAMS": str(STREAMS)}
    bodies = {"MAX_BODY_BYTES": str(MOST_BODY), "MAX_HELD_BODY_BYTES": str(MOST_BODY)}
    started = Backend(folder, {**bounds, **bodies})
    started.start("api")
    yield started
    started.stop()


@pytest.fixture
def client(server: Backend) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=SENT, timeout=LONGEST_S) as opened:
        yield opened


@pytest.fixture
def held(server: Backend) -> Iterator[Any]:
    """Opens requests whose bodies do not come to an end, with this much of them sent."""
    with ExitStack() as opened:

        def hold(number: int, path: str, sent: int = 1) -> None:
            for _ in range(number):
                one = socket.create_connection(("127.0.0.1", server.port), timeout=LONGEST_S)
                opened.enter_context(one)
                head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MOST_BODY}\r\n\r\n"
                one.sendall(head.encode() + b"x" * sent)
            _wait_until_inside(server)

        yield hold


def _wait_until_inside(server: Backend) -> None:
    """Connections are accepted in order: an answer on a later one says that the earlier ones are inside."""
    for _ in range(2):
        httpx.get(f"{server.url}/admin/login/", timeout=LONGEST_S)


def _assert_common(answer: httpx.Response) -> None:
    assert answer.headers["x-request-id"] == "req-1"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


def _assert_busy(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": BUSY}
    _assert_common(answer)


def test_too_many_requests(client: httpx.Client, held: Any) -> None:
    held(RESOURCES, "/agents")
    _assert_busy(client.get("/agents"))
    _assert_busy(client.post("/users", json={"name": "Ada"}))


def test_too_many_streams(client: httpx.Client, held: Any) -> None:
    held(STREAMS, "/responses")
    _assert_busy(client.post("/responses", json={"input": "Hi"}))
    # Everything else goes on, and nobody takes the process for an ill one.
    assert [client.get(path).status_code for path in ("/livez", "/api/readyz")] == [200, 200]
    answer = client.get("/agents")
    assert answer.status_code == 200
    _assert_common(answer)


def test_too_many_bytes(client: httpx.Client, held: Any) -> None:
    held(1, "/agents", sent=MOST_BODY - 1024)
    _assert_busy(client.post("/users", content=b" " * MOST_BODY, headers={"Content-Type": "application/json"}))


def test_a_page_may_ask_whether_it_may_ask(client: httpx.Client, held: Any) -> None:
    held(RESOURCES, "/agents")
    wanted = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    answer = client.options("/agents", headers=wanted)
    assert (answer.status_code, answer.content) == (200, b"")
    _assert_common(answer)
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization"


def test_pages_with_cookies_are_for_no_other_origin(client: httpx.Client, held: Any) -> None:
    held(RESOURCES, "/agents")
    answer = client.get("/admin/login/")
    assert answer.status_code == 503
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_request_without_an_id_gets_one(server: Backend, held: Any) -> None:
    held(RESOURCES, "/agents")
    answers = [httpx.get(f"{server.url}/agents", timeout=LONGEST_S) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 503]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert "access-control-allow-origin" not in answers[0].headers


def test_a_flood(server: Backend, client: httpx.Client) -> None:
    """Some are served and some refused, none is left without an answer, and it is over when it is over."""

    def ask(number: int) -> httpx.Response:
        return httpx.post(f"{server.url}/users", headers=SENT, json={"name": f"user {number}"}, timeout=LONGEST_S)

    with ThreadPoolExecutor(FLOOD) as pool:
        answers = list(pool.map(ask, range(FLOOD)))
    for answer in answers:
        if answer.status_code == 503:
            _assert_busy(answer)
        else:
            assert answer.status_code == 201, answer.text
            _assert_common(answer)
    assert len({json.dumps(answer.json()) for answer in answers if answer.status_code == 201}) >= 1
    assert client.get("/users").status_code == 200


@pytest.mark.parametrize("path", ["/users", "/sessions/0197/chat", "/executions/search"])
@pytest.mark.parametrize("body", ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}XX\r\n0\r\n\r\n"], ids=["no length", "too long"])
def test_chunks_that_cannot_be_read_are_the_clients_mistake(server: Backend, path: str, body: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API_KEY}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONGEST_S) as client:
        client.sendall(f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{body}".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()

    assert answer.startswith("HTTP/1.1 400 ")
    assert json.loads(answer.partition("\r\n\r\n")[2])["error"]["message"].startswith("The request body broke off")
    server.assert_alive()
