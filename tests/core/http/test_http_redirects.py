"""Redirects that the outgoing client follows, and what it takes along."""

import pytest

from julep_project.core import http
from julep_project.core.http import OutgoingRequest
from julep_project.core.http.request import next_request, write_request
from julep_project.devservices.loopback import Reply
from tests.core.http.outgoing import LIMITS, Client, get
from tests.loopback.web_server import WebServer


class TestRedirects:
    def test_not_followed_unless_asked(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(302, headers={"Location": "/b"}))

        assert client.send(get(url)).status == 302

    @pytest.mark.parametrize(
        ("status", "method", "then", "keeps_body"),
        [
            (301, "POST", "GET", False),
            (302, "POST", "GET", False),
            (303, "PUT", "GET", False),
            (303, "HEAD", "HEAD", False),
            (302, "PUT", "PUT", True),
            (307, "POST", "POST", True),
            (308, "POST", "POST", True),
        ],
    )
    def test_methods(
        self, client: Client, web_server: WebServer, status: int, method: str, then: str, keeps_body: bool
    ) -> None:
        url = web_server.script("/a", Reply(status, headers={"Location": "b?x=1"}))
        web_server.script("/b", Reply(body="done"))
        content = None if method == "HEAD" else "body"

        answer = client.send(
            OutgoingRequest(method, url, content=content, headers={"Content-Type": "text/x"}, follow_redirects=True)
        )

        last = web_server.requests[-1]
        assert (answer.status, last.method, last.target) == (200, then, "/b?x=1")
        assert last.body == (b"body" if keeps_body else b"")
        assert ("content-type" in last.headers) == (keeps_body or method == "HEAD" and then == "HEAD")
        assert answer.url == f"{web_server.url}/b?x=1"

    def test_credentials_stay_with_their_origin(self, client: Client, web_server: WebServer) -> None:
        with WebServer() as other:
            away = other.script("/c", Reply())
            url = web_server.script("/a", Reply(302, headers={"Location": "/b"}))
            web_server.script("/b", Reply(302, headers={"Location": away}))
            secret = {"Authorization": "Bearer key", "Cookie": "a=1", "X-Other": "1", "Idempotency-Key": "k"}
            headers = {**secret, "Accept": "text/plain", "Accept-Language": "de", "User-Agent": "mine"}

            client.send(get(url, headers=headers, follow_redirects=True))

            same, cross = web_server.requests[1], other.requests[0]
        assert (same.headers["authorization"], same.headers["cookie"]) == ("Bearer key", "a=1")
        assert same.headers["x-other"] == "1"
        assert cross.headers == {
            "host": f"127.0.0.1:{other.port}",
            "accept": "text/plain",
            "accept-encoding": "gzip, deflate",
            "accept-language": "de",
            "user-agent": "mine",
        }

    @pytest.mark.parametrize("status", [302, 307, 308])
    def test_a_body_stays_with_its_origin(self, client: Client, web_server: WebServer, status: int) -> None:
        with WebServer() as other:
            away = other.script("/c", Reply())
            url = web_server.script("/a", Reply(status, headers={"Location": away}))

            answer = client.send(OutgoingRequest("PUT", url, content="secret", follow_redirects=True))

            assert (answer.status, other.requests) == (status, [])

    def test_another_scheme_is_another_origin(self) -> None:
        headers = {"Authorization": "Bearer key", "Accept": "text/plain"}
        request = write_request(get("http://a.test/x", headers=headers))

        moved = next_request(request, 301, "https://a.test/x")

        assert moved is not None and set(moved.headers) == {"host", "accept", "accept-encoding", "user-agent"}

    def test_a_loop_ends(self, client: Client, web_server: WebServer) -> None:
        url = web_server.script("/a", Reply(302, headers={"Location": "/a"}))

        with pytest.raises(http.TooManyRedirects):
            client.send(get(url, follow_redirects=True))
        assert len(web_server.requests) == LIMITS.redirects + 1
