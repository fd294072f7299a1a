"""The outgoing client over real sockets: what it sends, and what it refuses to wait for or to hold."""

import base64
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from julep_project.core import http
from julep_project.core.http import Limits, OutgoingRequest
from julep_project.core.http.addresses import AddressPolicy
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.core.http.outgoing import LIMITS, Client, MakeClient, get
from tests.loopback.web_server import WebServer


class TestSending:
    def test_a_json_body(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(201, {"ok": True}, {"X-Kind": "test"}))

        answer = client.send(OutgoingRequest("post", url, json={"a": [1, "ü"]}, headers={"X-One": "1"}))

        (sent,) = web_server.requests
        assert (answer.status, answer.content, answer.headers["x-kind"]) == (201, b'{"ok": true}', "test")
        assert (sent.method, sent.json(), sent.headers["x-one"]) == ("POST", {"a": [1, "ü"]}, "1")
        assert sent.headers["content-type"] == "application/json"

    def test_form_files_cookies_and_params(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply())

        client.send(OutgoingRequest("POST", url, data={"a": "1 2"}, cookies={"c": "3"}, params={"q": "x y"}))
        client.send(OutgoingRequest("POST", url, data={"a": "1"}, files=[("f", ("f.txt", b"text", "text/plain"))]))

        form, multipart = web_server.requests
        assert (form.body, form.headers["cookie"], form.query) == (b"a=1+2", "c=3", {"q": "x y"})
        assert multipart.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b'filename="f.txt"' in multipart.body and b"text" in multipart.body

    def test_params_are_added_to_those_of_the_url(self, client: Client, web_server: WebServer) -> None:
        client.send(get(web_server.script("/a", Reply()) + "?x=1&y=2#part", params={"y": "3"}))

        assert web_server.requests[0].target == "/a?x=1&y=3"

    def test_user_and_password_of_the_url_become_a_header(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply()).replace("://", "://me:p%40ss@")

        answer = client.send(get(url))

        token = base64.b64encode(b"me:p@ss").decode()
        assert web_server.requests[0].headers["authorization"] == f"Basic {token}"
        assert "p%40ss" not in answer.url

    def test_headers_of_the_connection_cannot_be_set(self, client: Client, web_server: WebServer) -> None:
        headers = {"Host": "internal", "Content-Length": "3", "Transfer-Encoding": "chunked", "Connection": "close"}

        client.send(OutgoingRequest("POST", web_server.script("/a", Reply()), headers=headers, content="four"))

        (sent,) = web_server.requests
        assert (sent.headers["host"], sent.body) == (f"127.0.0.1:{web_server.port}", b"four")
        assert "transfer-encoding" not in sent.headers

    @pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "ü€"}, {"X": 3}])
    def test_headers_that_cannot_be_written(
        self, client: Client, web_server: WebServer, headers: dict[str, str]
    ) -> None:
        with pytest.raises(http.InvalidRequest):
            client.send(get(web_server.script("/a", Reply()), headers=headers))
        assert web_server.requests == []

    @pytest.mark.parametrize("method", ["CONNECT", "GE T", "", "X\r\n"])
    def test_methods_that_cannot_be_sent(self, client: Client, web_server: WebServer, method: str) -> None:
        with pytest.raises(http.InvalidRequest):
            client.send(OutgoingRequest(method, web_server.url))

    def test_proxies_of_the_environment_are_not_used(
        self, client: Client, web_server: WebServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

        assert client.send(get(web_server.script("/a", Reply()))).status == 200

    def test_cookies_are_not_kept_between_requests(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(headers={"Set-Cookie": "id=1"}))

        client.send(get(url))
        client.send(get(url))

        assert "cookie" not in web_server.requests[1].headers

    def test_connections_are_used_again_and_shared_by_threads(
        self, make_client: MakeClient, web_server: WebServer
    ) -> None:
        looked_up = []
        client = make_client(resolver=lambda host, *_: looked_up.append(host) or ["127.0.0.1"])
        url = web_server.script("/a", Reply(body="x"))
        for _ in range(5):
            client.send(get(url))
        assert len(looked_up) == 1

        answers: list[bytes] = []
        threads = [threading.Thread(target=lambda: answers.append(client.send(get(url)).content)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == [b"x"] * 30


class TestRefusing:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "127.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "0.0.0.0",
            "0",
            "localhost",
            "LOCALHOST",
            "169.254.169.254",
            "10.0.0.1",
            "[fd00:ec2::254]",
        ],
    )
    def test_private_addresses_in_every_spelling(
        self, make_client: MakeClient, host: str, web_server: WebServer
    ) -> None:
        with pytest.raises(http.Blocked) as caught:
            make_client(AddressPolicy()).send(get(f"http://{host}:{web_server.port}/"))
        assert not caught.value.retryable
        assert web_server.requests == []

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "/path",
            "ftp://example.test/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "http://",
            "http:///x",
            "http://0177.0.0.1/",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:x/",
            "http://a b/",
            "http://[fe80::1%25lo]/",
            "http://[::1/",
            "http://a..b/",
            "http://" + "a" * 300 + "/",
            "$ secrets.url",
        ],
    )
    def test_urls_that_cannot_be_called(self, client: Client, url: str) -> None:
        with pytest.raises(http.BadUrl):
            client.send(get(url))

    def test_only_permitted_addresses_of_a_name_are_dialled(
        self, make_client: MakeClient, web_server: WebServer
    ) -> None:
        client = make_client(resolver=lambda *_: ["10.0.0.1", "::1", "127.0.0.1"])

        answer = client.send(get(f"http://many.test:{web_server.port}/search?q=x"))

        assert answer.status == 200
        assert web_server.requests[0].headers["host"] == f"many.test:{web_server.port}"

    def test_a_name_that_changes_its_address_is_looked_up_once_and_that_address_is_dialled(
        self, make_client: MakeClient, web_server: WebServer
    ) -> None:
        answers = iter([["127.0.0.1"], ["10.0.0.1"]])
        client = make_client(resolver=lambda *_: next(answers))
        url = f"http://rebind.test:{web_server.port}/a"
        web_server.script("/a", Reply(raw=[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]))

        assert client.send(get(url)).status == 200
        time.sleep(0.05)  # lets the server's closing of the connection arrive, so that a new one is needed
        with pytest.raises(http.Blocked):
            client.send(get(url))

    def test_a_redirect_to_a_private_address(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(302, headers={"Location": "http://169.254.169.254/latest/meta-data"}))

        with pytest.raises(http.Blocked):
            client.send(get(url, follow_redirects=True))

    def test_a_redirect_to_another_scheme(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(302, headers={"Location": "file:///etc/passwd"}))

        with pytest.raises(http.BadUrl):
            client.send(get(url, follow_redirects=True))

    def test_the_message_holds_neither_query_nor_password(self, client: Client) -> None:
        with pytest.raises(http.ConnectFailed) as caught:
            client.send(get(f"http://me:word@127.0.0.1:{unused_port()}/path?token=abc"))

        assert "/path" in str(caught.value)
        assert "word" not in str(caught.value) and "abc" not in str(caught.value)

    def test_the_message_holds_no_key_of_a_webhook(self, client: Client) -> None:
        with pytest.raises(http.ConnectFailed) as caught:
            client.send(get(f"http://127.0.0.1:{unused_port()}/services/B0123/kEyOfTheWebhook0123"))

        assert "/services/B0123/***" in str(caught.value)

    @pytest.mark.parametrize("value", ["bad\nsecret-value", "sécret-välue\u20ac"])
    def test_a_header_that_cannot_be_sent_is_not_repeated(
        self, client: Client, web_server: WebServer, value: str
    ) -> None:
        with pytest.raises(http.InvalidRequest) as caught:
            client.send(get(web_server.url, headers={"X-Key": value}))

        assert "cret" not in str(caught.value)


class TestLimits:
    def test_a_long_body(self, client: Client, web_server: WebServer) -> None:
        fits, too_long = Reply(body=b"x" * LIMITS.body_bytes), Reply(body=b"x" * (LIMITS.body_bytes + 1))
        url = web_server.script("/a", fits, too_long)

        assert len(client.send(get(url)).content) == LIMITS.body_bytes
        with pytest.raises(http.TooLarge):
            client.send(get(url))

    def test_an_endless_body(self, client: Client, web_server: WebServer) -> None:
        def endless() -> Iterator[bytes]:
            yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            while True:
                yield b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

        with pytest.raises(http.TooLarge):
            client.send(get(web_server.script("/a", Reply(raw=endless()))))

    @pytest.mark.parametrize("layers", [1, 2])
    def test_a_gzip_bomb(self, client: Client, web_server: WebServer, layers: int) -> None:
        bomb = b"\0" * 50_000_000
        for _ in range(layers):
            bomb = gzip.compress(bomb, 9)
        url = web_server.script("/a", Reply(body=bomb, headers={"Content-Encoding": ", ".join(["gzip"] * layers)}))

        with pytest.raises(http.TooLarge):
            client.send(get(url))

    def test_a_body_sent_byte_by_byte_meets_the_total_time(self, client: Client, web_server: WebServer) -> None:
        head = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"]
        url = web_server.script("/a", Reply(raw=head + [b"x"] * 1000, pause_s=0.05))

        with pytest.raises(http.Timeout) as caught:
            client.send(get(url, timeout_s=0.4))
        assert caught.value.retryable

    def test_headers_sent_byte_by_byte_meet_the_total_time(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(raw=[b"HTTP/1.1 200 OK\r\n"] + [b"X"] * 1000, pause_s=0.05))

        with pytest.raises(http.Timeout):
            client.send(get(url, timeout_s=0.4))

    def test_a_chain_of_slow_redirects_meets_the_total_time(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(302, headers={"Location": "/a"}, delay_s=0.15))

        with pytest.raises(http.Timeout):
            client.send(get(url, timeout_s=0.4, follow_redirects=True))

    def test_a_resolver_that_does_not_answer(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        release = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(60) and [])

        with pytest.raises(http.Timeout):
            client.send(get("http://slow.test/", timeout_s=0.2))
        release.set()

    @pytest.mark.parametrize(
        "headers",
        [
            {f"X-{n}": "1" for n in range(90)} | {"X-Long": "x" * 60_000},
            {f"X-{n}": "1" for n in range(300)},
            {"X-Long": "x" * 200_000},
        ],
    )
    def test_headers_over_the_limit(self, client: Client, web_server: WebServer, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        raw = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode()
        url = web_server.script("/a", Reply(raw=[raw]))

        with pytest.raises(http.TooLarge):
            client.send(get(url), Limits(header_bytes=60_000))


class TestDecoding:
    @pytest.mark.parametrize(
        ("coding", "body"),
        [
            ("gzip", gzip.compress(b"text" * 50_000, mtime=0)),
            ("GZIP", gzip.compress(b"text" * 25_000, mtime=0) + gzip.compress(b"text" * 25_000, mtime=0)),
            ("deflate", zlib.compress(b"text" * 50_000)),
            ("deflate", zlib.compress(b"text" * 50_000)[2:-4]),
            ("deflate, gzip", gzip.compress(zlib.compress(b"text" * 50_000), mtime=0)),
            ("identity", b"text" * 50_000),
        ],
    )
    def test_known_codings(self, client: Client, web_server: WebServer, coding: str, body: bytes) -> None:
        url = web_server.script("/a", Reply(body=body, headers={"Content-Encoding": coding}))

        assert client.send(get(url)).content == b"text" * 50_000

    def test_an_unknown_coding_is_left_alone(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(body=b"raw", headers={"Content-Encoding": "br"}))

        assert client.send(get(url)).content == b"raw"

    @pytest.mark.parametrize("body", [b"not gzip at all", gzip.compress(b"text" * 9000, mtime=0)[:-30]])
    def test_a_broken_coding(self, client: Client, web_server: WebServer, body: bytes) -> None:
        url = web_server.script("/a", Reply(body=body, headers={"Content-Encoding": "gzip"}))

        with pytest.raises(http.BadResponse) as caught:
            client.send(get(url))
        assert not caught.value.retryable

    def test_very_many_empty_parts(self, client: Client, web_server: WebServer) -> None:
        """They take time that no timeout of the network sees."""
        body = gzip.compress(b"", mtime=0) * 100_000
        url = web_server.script("/a", Reply(body=body, headers={"Content-Encoding": "gzip"}))

        with pytest.raises(http.BadResponse, match="1,000 parts"):
            client.send(get(url))

    def test_head_has_no_body_to_decode(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(body=b"x", headers={"Content-Encoding": "gzip"}))

        assert client.send(OutgoingRequest("HEAD", url)).content == b""


class TestBrokenServers:
    def test_nobody_listens(self, client: Client) -> None:
        with pytest.raises(http.ConnectFailed) as caught:
            client.send(get(f"http://127.0.0.1:{unused_port()}/"))
        assert caught.value.retryable

    @pytest.mark.parametrize(
        "raw", [[], [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"], [b"HTTP/1.1 200 OK\r\nContent"]]
    )
    def test_a_lost_connection_may_be_tried_again(
        self, client: Client, web_server: WebServer, raw: list[bytes]
    ) -> None:
        with pytest.raises(http.ConnectFailed) as caught:
            client.send(get(web_server.script("/a", Reply(raw=raw))))
        assert caught.value.retryable

    def test_an_answer_that_is_not_http(self, client: Client, web_server: WebServer) -> None:
        with pytest.raises(http.BadResponse):
            client.send(get(web_server.script("/a", Reply(raw=[b"SSH-2.0-OpenSSH\r\n\r\n"]))))

    def test_a_name_without_an_address(self, make_client: MakeClient) -> None:
        def resolver(*_: object) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        with pytest.raises(http.ConnectFailed, match="no address"):
            make_client(resolver=resolver).send(get("http://nowhere.test/"))


class TestSettings:
    def test_loopback_is_closed_by_default(self, web_server: WebServer, settings: Any) -> None:
        settings.JULEP_HTTP_ALLOW = []

        with pytest.raises(http.Blocked):
            http.send(get(web_server.url))

    def test_the_allow_list_opens_it(self, web_server: WebServer, settings: Any) -> None:
        settings.JULEP_HTTP_ALLOW = ["127.0.0.0/8"]
        settings.JULEP_HTTP_MAX_BYTES = 1024
        url = web_server.script("/a", Reply(body="ok"), Reply(body="x" * 1025))

        assert http.send(get(url)).content == b"ok"
        with pytest.raises(http.TooLarge):
            http.send(get(url))


class TestOwnPlaces:
    @pytest.fixture(autouse=True)
    def loopback_is_open(self, settings: Any, web_server: WebServer) -> None:
        settings.JULEP_HTTP_ALLOW = ["127.0.0.0/8", "0.0.0.0", "::", "::1", "::ffff:0:0/96"]
        settings.PORT = web_server.port

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "LOCALHOST", "0.0.0.0", "0", "127.9.9.9"],
    )
    def test_the_api_is_refused_however_it_is_written(self, web_server: WebServer, host: str) -> None:
        with pytest.raises(http.Blocked, match="part of this installation"):
            http.send(get(f"http://{host}:{web_server.port}/agents"))

        assert web_server.requests == []

    @pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]"])
    def test_so_is_a_literal_of_the_other_family(self, web_server: WebServer, host: str) -> None:
        with pytest.raises(http.Blocked, match="part of this installation"):
            http.send(get(f"http://{host}:{web_server.port}/agents"))

    def test_a_redirect_to_it_is_refused(self, web_server: WebServer) -> None:
        with WebServer() as other:
            url = other.script("/a", Reply(302, headers={"Location": f"{web_server.url}/agents"}))

            with pytest.raises(http.Blocked):
                http.send(get(url, follow_redirects=True))

        assert web_server.requests == []

    def test_other_ports_of_the_machine_are_open(self, web_server: WebServer) -> None:
        with WebServer() as other:
            assert http.send(get(other.script("/a", Reply()))).status == 200

    def test_its_port_in_the_list_opens_it(self, web_server: WebServer, settings: Any) -> None:
        settings.JULEP_HTTP_ALLOW = [f"127.0.0.1:{web_server.port}"]

        assert http.send(get(web_server.script("/a", Reply()))).status == 200

    def test_redis_takes_no_mail(self, settings: Any, web_server: WebServer) -> None:
        settings.PORT, settings.REDIS_URL = 1, f"redis://:word@localhost:{web_server.port}/0"

        with pytest.raises(http.Blocked):
            http.connect("127.0.0.1", web_server.port, 5)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_requests_are_recorded(web_server: WebServer, client: Client) -> None:
    def echo(request: RecordedRequest) -> Reply:
        return Reply(body=request.method)

    assert client.send(OutgoingRequest("PATCH", web_server.script("/a", echo))).content == b"PATCH"
