"""The client for event loops: answers while they come, under the policy and the bounds of the other one."""

import gzip
import socket
import threading
from collections.abc import Iterator

import anyio
import pytest

from julep_project.core import http
from julep_project.core.http import Limits, StreamingClient
from julep_project.core.http.addresses import AddressPolicy
from julep_project.devservices.loopback import Reply
from tests.core.http.outgoing import LIMITS, LOOPBACK, get, read
from tests.loopback.web_server import WebServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"


def test_pieces_are_there_before_the_answer_is_complete(web_server: WebServer) -> None:
    arrived = threading.Event()

    def pieces(_: socket.socket) -> Iterator[bytes]:
        yield HEAD + b"one"
        if arrived.wait(5):
            yield b"two"

    async def receive() -> list[bytes]:
        got = []
        async with StreamingClient(LOOPBACK, limits=LIMITS) as client:
            answer = await client.open(get(web_server.script("/a", Reply(raw=pieces))))
            async for piece in answer:
                got.append(piece)
                arrived.set()
            await answer.aclose()
        return got

    assert anyio.run(receive) == [b"one", b"two"]


def test_a_body_is_decoded_in_bounds(web_server: WebServer) -> None:
    packed = {"Content-Encoding": "gzip"}
    url = web_server.script("/a", Reply(200, gzip.compress(b"tide" * 1000), packed))
    assert read(get(url)) == (200, b"tide" * 1000)
    bomb = web_server.script("/b", Reply(200, gzip.compress(b" " * 10_000_000), packed))
    with pytest.raises(http.TooLarge):
        read(get(bomb))
    with pytest.raises(http.TooLarge):
        read(get(web_server.script("/c", Reply(200, b"x" * 2000))), limits=Limits(body_bytes=1000))
    with pytest.raises(http.TooLarge):
        read(get(web_server.script("/d", Reply(200, headers={"X": "x" * 2000}))), limits=Limits(header_bytes=1000))
    with pytest.raises(http.BadResponse):
        read(get(web_server.script("/e", Reply(200, b"plain", packed))))


def test_redirects_are_not_followed(web_server: WebServer) -> None:
    url = web_server.script("/a", Reply(302, headers={"Location": "/b"}))
    assert read(get(url, follow_redirects=True))[0] == 302
    assert len(web_server.requests) == 1


def test_a_name_is_looked_up_once_and_exactly_that_address_is_dialled(web_server: WebServer) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, timeout_s: float) -> list[str]:
        asked.append(host)
        return ["10.0.0.1", "127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    web_server.script("/a", Reply(200, b"here"))
    assert read(get(f"http://tide.example:{web_server.port}/a"), resolver=resolve) == (200, b"here")
    assert asked == ["tide.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_what_is_not_public_is_refused(web_server: WebServer, host: str) -> None:
    with pytest.raises((http.Blocked, http.ConnectFailed, http.BadUrl)):
        read(get(f"http://{host}:{web_server.port}/a"), policy=AddressPolicy())
    assert web_server.requests == []


def test_who_does_not_answer_and_who_answers_nonsense(web_server: WebServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(http.ConnectFailed):
        read(get(f"http://127.0.0.1:{port}/"))
    with pytest.raises(http.BadResponse):
        read(get(web_server.script("/a", Reply(raw=[b"hello\r\n\r\n"]))))
    with pytest.raises(http.ConnectFailed):
        read(get(web_server.script("/b", Reply(raw=[b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"]))))
