"""Addresses that the operator names for providers: reached wherever they are, and by those providers alone."""

from typing import Any

import pytest

from agents.models import Developer
from agents.tools.errors import ToolError
from agents.tools.integrations.registry import check_addresses
from agents.tools.integrations.search import SearchNotConfigured, web_search
from julep_project import env
from julep_project.core.http import OutgoingRequest, send
from julep_project.core.http.errors import Blocked
from julep_project.devservices.loopback import Reply
from tests.loopback.web_server import WebServer
from tests.tools.conftest import CallTool

HITS = {"organic": [{"title": f"T{n}", "link": f"https://{n}", "snippet": "s"} for n in range(9)]}
PAGES = {"results": [{"title": "T0", "url": "https://0", "content": "s", "engine": "x"}, None, {"title": "T1"}]}


@pytest.fixture(autouse=True)
def nothing_allowed(settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = []
    settings.BRAVE_API_KEY = settings.SERPER_API_KEY = ""


@pytest.fixture
def named(settings: Any, web_server: WebServer) -> WebServer:
    """The server that the operator names."""
    settings.INTEGRATION_ADDRESSES = dict.fromkeys(("serper", "searxng", "arxiv"), web_server.url)
    return web_server


class TestWhoMayGoThere:
    def test_the_provider_it_is_named_for(self, named: WebServer, call_provider: CallTool) -> None:
        named.script("/search", Reply(body=HITS))

        found = call_provider("serper", {"query": "high tide"}, setup={"api_key": "key"})

        assert found == {"result": HITS["organic"][:3]}
        (sent,) = named.requests
        assert sent.json() == {"q": "high tide", "num": 3}
        assert sent.headers["x-api-key"] == "key"

    def test_nobody_else_even_while_a_connection_is_open(self, named: WebServer, call_provider: CallTool) -> None:
        named.script("/search", Reply(body=HITS))
        call_provider("serper", {"query": "x"}, setup={"api_key": "key"})

        with pytest.raises(Blocked):
            send(OutgoingRequest("GET", f"{named.url}/search"))
        with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW"):
            setup = {"unstructured_api_key": "key", "server_url": named.url}
            call_provider("unstructured", {"file": "aGk="}, setup=setup)
        assert len(named.requests) == 1

    def test_not_what_an_answer_leads_to(self, named: WebServer, call_provider: CallTool) -> None:
        with WebServer() as elsewhere:
            named.script("/api/query", Reply(302, headers={"Location": f"{elsewhere.url}/x"}))
            with pytest.raises(ToolError, match="302"):
                call_provider("arxiv", {"query": "x"})

            feed = (
                '<feed xmlns="http://www.w3.org/2005/Atom"><entry>'
                f'<link title="pdf" href="{elsewhere.url}/1.pdf"/></entry></feed>'
            )
            named.script("/api/query", Reply(body=feed))
            with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW"):
                call_provider("arxiv", {"query": "x", "download_pdf": True})
            assert elsewhere.requests == []

    def test_not_another_port_of_that_host(self, named: WebServer, settings: Any, call_provider: CallTool) -> None:
        with WebServer() as other:
            with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW"):
                call_provider("searxng", {"query": "x"}, setup={"searxng_url": other.url})
            assert other.requests == []


class TestSearxng:
    def test_search(self, named: WebServer, call_provider: CallTool) -> None:
        named.script("/search", Reply(body=PAGES))

        found = call_provider("searxng", {"query": "high tide", "count": 2, "language": "de"})

        assert found["result"] == [
            {"title": "T0", "link": "https://0", "snippet": "s"},
            {"title": "T1", "link": "", "snippet": ""},
        ]
        assert named.requests[0].query == {"q": "high tide", "format": "json", "language": "de"}

    def test_an_instance_of_ones_own(self, web_server: WebServer, settings: Any, call_provider: CallTool) -> None:
        settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
        web_server.script("/sx/search", Reply(body={}))

        assert call_provider("searxng", {"query": "x"}, setup={"url": f"{web_server.url}/sx/"}) == {"result": []}

    def test_without_an_instance(self, call_provider: CallTool) -> None:
        with pytest.raises(ToolError, match="needs searxng_url .*INTEGRATION_ADDRESSES"):
            call_provider("searxng", {"query": "x"})

    @pytest.mark.parametrize(
        ("reply", "told"),
        [(Reply(403, "no json"), "403: no json"), (Reply(body="<html>"), "JSON"), (Reply(302), "302")],
    )
    def test_what_is_no_answer(self, named: WebServer, call_provider: CallTool, reply: Reply, told: str) -> None:
        named.script("/search", reply)

        with pytest.raises(ToolError, match=told):
            call_provider("searxng", {"query": "x"})

    def test_an_answer_that_is_too_large(self, named: WebServer, settings: Any, call_provider: CallTool) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 1024
        named.script("/search", Reply(body="x" * 2000))

        with pytest.raises(ToolError, match="more than 1024 bytes"):
            call_provider("searxng", {"query": "x"})


class TestSerper:
    def test_without_a_key(self, named: WebServer, call_provider: CallTool) -> None:
        with pytest.raises(ToolError, match="needs serper_api_key .*SERPER_API_KEY"):
            call_provider("serper", {"query": "x"})
        assert named.requests == []

    def test_a_refused_key_is_not_repeated(self, named: WebServer, call_provider: CallTool) -> None:
        named.script("/search", Reply(403, {"message": "bad key 123456789"}))

        with pytest.raises(ToolError, match="403") as caught:
            call_provider("serper", {"query": "x"}, setup={"serper_api_key": "123456789"})
        assert not caught.value.retryable and "123456789" not in caught.value.message


class TestWebSearch:
    """The search of the server's own features is the first that the operator has set up."""

    @pytest.mark.parametrize("has_key", [True, False])
    def test_serper_or_searxng(self, named: WebServer, settings: Any, has_key: bool) -> None:
        settings.SERPER_API_KEY = "key" if has_key else ""
        named.script("/search", Reply(body={**HITS, **PAGES}))

        found = web_search(Developer(), "tide", limit=1)

        assert found == [{"title": "T0", "url": "https://0", "snippet": "s"}]
        assert named.requests[0].method == ("POST" if has_key else "GET")

    def test_none(self) -> None:
        with pytest.raises(SearchNotConfigured):
            web_search(Developer(), "tide")


class TestSetting:
    def test_providers_that_nobody_knows_are_named_at_the_start(self, settings: Any) -> None:
        settings.INTEGRATION_ADDRESSES = {"brave": "https://a.example", "brvae": "https://a.example"}

        (told,) = check_addresses(None)

        assert told.is_serious() and "brvae" in told.msg and "brave," in str(told.hint)

    def test_what_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SOME_ADDRESSES", '{"brave": "https://u:p@a.example:8/b/", "x": "http://[::1]:1"}')
        assert env.env_addresses("SOME_ADDRESSES") == {"brave": "https://u:p@a.example:8/b", "x": "http://[::1]:1"}

        monkeypatch.setenv("SOME_ADDRESSES", "")
        assert env.env_addresses("SOME_ADDRESSES") == {}

    @pytest.mark.parametrize(
        "value",
        [
            "https://a.example",
            "[]",
            '{"a": 1}',
            '{"a": "a.example"}',
            '{"a": "ftp://a.example"}',
            '{"a": "https://a.example?k=1"}',
            '{"a": "https://a.example/#x"}',
            '{"a": "http://a.example:99999"}',
            '{"a": "http://[::1"}',
            "[" * 100_000,
        ],
    )
    def test_what_cannot_work(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("SOME_ADDRESSES", value)

        with pytest.raises(env.InvalidSetting, match="SOME_ADDRESSES must be a JSON object"):
            env.env_addresses("SOME_ADDRESSES")
