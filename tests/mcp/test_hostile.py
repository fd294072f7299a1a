"""Servers that mean harm, or are broken: every call ends, within bounds, with an error of ours."""

import gzip
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents.tools.errors import Delivery, ToolError
from agents.tools.integrations.method import IntegrationCall
from agents.tools.integrations.providers import mcp as methods
from agents.tools.mcp.client import ask, list_tools
from agents.tools.mcp.listing import found_in, offered_name, shown_description
from agents.tools.mcp.server import CALL_TOOL, Answer, Question, Server
from julep_project.core.schemas.json_schema import find_schema_problem
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.loopback.web_server import WebServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
STATELESS, STATEFUL = "2026-07-28", "2025-11-25"


def say(server: Server, *, whole_s: float = 3, idle_s: float = 3) -> Answer:
    question = Question(CALL_TOOL, {"tool_name": "say", "arguments": {}}, idle_s=idle_s, whole_s=whole_s)
    return ask(server, question)


def event(message: Any) -> bytes:
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"


def result_of(request: RecordedRequest, **result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request.json()["id"], "result": {"resultType": "complete", **result}}


def streamed(pieces: Callable[[RecordedRequest], Iterator[bytes]]) -> Callable[[RecordedRequest], Reply]:
    def reply(request: RecordedRequest) -> Reply:
        def write(_: socket.socket) -> Iterator[bytes]:
            yield HEAD
            yield from pieces(request)

        return Reply(raw=write)

    return reply


def refused(server: Server, match: str, **bounds: float) -> ToolError:
    with pytest.raises(ToolError, match=match) as caught:
        say(server, **bounds)
    return caught.value


@pytest.fixture
def served(web_server: WebServer) -> Callable[..., Server]:
    """`served(reply)`: a server that answers every request so."""

    def serve(reply: Any, protocol: str | None = STATELESS, **options: Any) -> Server:
        return Server("http", web_server.script("/mcp", reply), protocol=protocol, **options)

    return serve


def by_integration(url: str) -> IntegrationCall:
    setup = {"transport": "http", "http_url": url}
    return IntegrationCall("mcp", setup, {}, "key", ends_at=time.monotonic() + 20)


class TestStreams:
    def test_one_that_never_ends(self, served: Callable[..., Server]) -> None:
        def drip(_: RecordedRequest) -> Iterator[bytes]:
            while True:
                yield b":\n\n"
                time.sleep(0.05)

        error = refused(served(streamed(drip)), "no answer within", whole_s=0.5)
        assert error.delivery is Delivery.UNCLEAR

    def test_one_byte_at_a_time(self, served: Callable[..., Server]) -> None:
        def trickle(request: RecordedRequest) -> Iterator[bytes]:
            for byte in event(result_of(request, content=[])):
                yield bytes([byte])
                time.sleep(0.1)

        refused(served(streamed(trickle)), "no answer within", whole_s=0.5)

    def test_a_flood_of_notifications(self, served: Callable[..., Server]) -> None:
        note = event({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}})

        def flood(_: RecordedRequest) -> Iterator[bytes]:
            while True:
                yield note * 100

        refused(served(streamed(flood)), "more than 10,000 messages", whole_s=30, idle_s=30)

    def test_one_message_without_an_end(self, served: Callable[..., Server], settings: Any) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 100_000

        def swell(_: RecordedRequest) -> Iterator[bytes]:
            yield b"data: "
            while True:
                yield b"x" * 10_000

        refused(served(streamed(swell)), "more than 100000 bytes")

    def test_an_answer_to_something_else(self, served: Callable[..., Server]) -> None:
        def other(_: RecordedRequest) -> Iterator[bytes]:
            yield event({"jsonrpc": "2.0", "method": "notifications/unheard_of"})
            yield event({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}})
            yield event({"jsonrpc": "2.0", "id": 2, "method": "roots/list"})

        refused(served(streamed(other)), "closed the connection|no answer within|ended", whole_s=1)


class TestBodies:
    def test_json_too_deep(self, served: Callable[..., Server]) -> None:
        def deep(request: RecordedRequest) -> Reply:
            nested = "[" * 5000 + "]" * 5000
            text = json.dumps(result_of(request, structuredContent={"a": "DEEP"}, content=[])).replace('"DEEP"', nested)
            return Reply(body=text, headers={"Content-Type": "application/json"})

        refused(served(deep), "answer of the MCP server|answered with the error")

    def test_json_of_too_many_parts(self, served: Callable[..., Server]) -> None:
        body = '{"jsonrpc": "2.0", "id": 1, "result": {"content": [' + "[],[]," * 150_000 + "[]]}}"
        refused(served(Reply(body=body, headers={"Content-Type": "application/json"})), "more than 200,000 objects")

    def test_a_small_body_that_grows(self, served: Callable[..., Server], settings: Any) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 100_000
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        refused(served(Reply(body=gzip.compress(b" " * 5_000_000), headers=headers)), "more than 100000 bytes")

    def test_another_id(self, served: Callable[..., Server]) -> None:
        body = {"jsonrpc": "2.0", "id": 99, "result": {"content": []}}
        refused(served(Reply(body=body)), "no answer within", whole_s=0.5)

    @pytest.mark.parametrize("body", ["", "hello", '{"jsonrpc": "2.0"}', "[]", '{"jsonrpc":"2.0","id":1,"result":7}'])
    def test_no_message(self, served: Callable[..., Server], body: str) -> None:
        refused(served(Reply(body=body, headers={"Content-Type": "application/json"})), "MCP server", whole_s=1)

    def test_a_result_of_another_form(self, served: Callable[..., Server]) -> None:
        refused(served(lambda request: Reply(body=result_of(request, content=7))), "answer of the MCP server")


class TestRefusals:
    def test_what_a_server_refuses_is_told_without_keys(self, served: Callable[..., Server]) -> None:
        error = refused(served(Reply(401, "who are you?")), "answered with status 401: who are you")
        assert not error.retryable and error.details["status_code"] == 401

    def test_one_that_is_busy_is_left_alone(self, served: Callable[..., Server], web_server: WebServer) -> None:
        server = served(Reply(429, "later", {"Retry-After": "30"}))
        assert refused(server, "status 429").retryable
        assert refused(server, "takes no more requests for").delivery is Delivery.NOT_SENT
        assert len(web_server.requests) == 1

    def test_redirects_take_no_keys_along(self, served: Callable[..., Server], web_server: WebServer) -> None:
        with WebServer() as other:
            reply = Reply(307, headers={"Location": f"{other.url}/mcp"})
            refused(served(reply, headers={"Authorization": "Bearer buoy"}), "Redirect|status 307|MCP server")
            assert other.requests == []

    def test_places_that_tasks_may_not_reach(self, served: Callable[..., Server], settings: Any) -> None:
        settings.JULEP_HTTP_ALLOW = []
        error = refused(served(Reply()), "not on the public internet")
        assert error.delivery is Delivery.NOT_SENT and not error.repeatable

    def test_an_endpoint_elsewhere(self, web_server: WebServer) -> None:
        with WebServer() as other:
            there = f"event: endpoint\ndata: {other.url}/messages\n\n".encode()
            url = web_server.script("/sse", streamed(lambda _: iter([there])))
            refused(Server("sse", url, protocol=STATEFUL), "MCP server|origin", whole_s=1)
            assert other.requests == []


class Handshaken:
    """A server with a handshake. `calls` are how often its tool was called; what it asks meanwhile, and what it says
    to anything but the call, is up to the test."""

    def __init__(self, to_call: Callable[[RecordedRequest], Reply], to_others: Reply | None = None) -> None:
        self.calls = 0
        self.told: list[str] = []
        self.called = "tools/call"
        self._to_call, self._to_others = to_call, to_others or Reply(202)

    def __call__(self, request: RecordedRequest) -> Reply:
        if request.method != "POST":
            return Reply(405)
        method = request.json().get("method", "answer")
        self.told.append(method)
        if method == "initialize":
            info = {"protocolVersion": STATEFUL, "capabilities": {}, "serverInfo": {"name": "old", "version": "1"}}
            about = {"jsonrpc": "2.0", "id": request.json()["id"], "result": info}
            return Reply(body=about, headers={"Mcp-Session-Id": "s1"})
        if method == "notifications/initialized":
            return Reply(202)
        if method == self.called:
            self.calls += 1
            return self._to_call(request)
        return self._to_others


def waiting(asked: Any = None) -> Callable[[RecordedRequest], Reply]:
    """Says nothing for two seconds, after it has asked something itself."""

    def pieces(request: RecordedRequest) -> Iterator[bytes]:
        yield event(asked) if asked else b":\n\n"
        for _ in range(20):
            time.sleep(0.1)
            yield b":\n\n"

    return streamed(pieces)


class TestWhatBecameOfACall:
    """A call that may have been carried out is never said not to have been sent, and never made twice."""

    @pytest.mark.parametrize(
        ("asked", "to_others"),
        [
            (None, Reply(401)),
            ({"jsonrpc": "2.0", "id": 7, "method": "ping"}, Reply(401)),
        ],
    )
    def test_another_message_is_refused(self, served: Callable[..., Server], asked: Any, to_others: Reply) -> None:
        peer = Handshaken(waiting(asked), to_others)
        error = refused(served(peer, STATEFUL), "MCP server|status 40", whole_s=0.4)
        assert (error.delivery, peer.calls) == (Delivery.UNCLEAR, 1)
        assert ("answer" if asked else "notifications/cancelled") in peer.told

    @pytest.mark.parametrize(
        ("reply", "protocol"),
        [
            (Reply(202), STATEFUL),
            (Reply(202), STATELESS),
            (Reply(body="<p>ahoy", headers={"Content-Type": "text/html"}), STATELESS),
            (Reply(404, "no such session"), STATEFUL),
        ],
    )
    def test_an_answer_that_is_none(self, served: Callable[..., Server], reply: Reply, protocol: str) -> None:
        peer = Handshaken(lambda _: reply)
        assert refused(served(peer, protocol), "MCP server|status 404").delivery is not Delivery.NOT_SENT
        assert peer.calls == 1

    def test_what_was_refused_before_does_not_hide_it(self, served: Callable[..., Server]) -> None:
        def fails(request: RecordedRequest) -> Reply:
            error = {"code": -32603, "message": "the boom is broken"}
            return Reply(body={"jsonrpc": "2.0", "id": request.json()["id"], "error": error})

        server = served(Handshaken(fails, Reply(400, "what is that?")), protocol=None)
        refused(server, "the boom is broken")

    def test_streams_beside_it_may_be_many(
        self, served: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("agents.tools.mcp.wire._MOST_REQUESTS", 3)
        streams: list[str] = []

        def late(request: RecordedRequest) -> Iterator[bytes]:
            for _ in range(6):
                time.sleep(0.1)
                yield b":\n\n"
            yield event(result_of(request, content=[]))

        peer = Handshaken(streamed(late))

        def reply(request: RecordedRequest) -> Reply:
            if request.method != "GET":
                return peer(request)
            streams.append(request.path)
            return streamed(lambda _: iter([b"retry: 20\n\n"]))(request)

        assert say(served(reply, STATEFUL)).value["content"] == []
        assert len(streams) == 3


class TestPrograms:
    def run(self, settings: Any, code: str) -> Server:
        settings.MCP_COMMANDS = {"bad": [sys.executable, "-c", code]}
        return Server("stdio", command="bad", protocol=STATELESS)

    def test_one_that_nobody_lists(self, settings: Any) -> None:
        settings.MCP_COMMANDS = {}
        assert refused(Server("stdio", command="sh"), "lists no command 'sh'").delivery is Delivery.NOT_SENT

    def test_one_that_says_too_much(self, settings: Any) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 100_000
        refused(self.run(settings, "while True: print('x' * 1000, end='')"), "more than 100000 bytes")

    def test_one_that_does_not_end_is_ended_with_its_children(self, settings: Any) -> None:
        code = (
            "import subprocess, sys, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "child = subprocess.Popen(['sleep', '60']); open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
        )
        with tempfile.NamedTemporaryFile() as file:
            settings.MCP_COMMANDS = {"bad": [sys.executable, "-c", code, file.name]}
            refused(Server("stdio", command="bad", protocol=STATELESS), "no answer within", whole_s=1)
            child = int(file.read())
        with pytest.raises(ProcessLookupError):
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                os.kill(child, 0)
                threading.Event().wait(0.01)

    def test_it_gets_nothing_of_the_environment(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRETS_MASTER_KEY", "told to nobody")
        code = (
            "import json, os, sys; request = json.loads(sys.stdin.readline());"
            "text = os.environ.get('SECRETS_MASTER_KEY', 'nothing');"
            "result = {'content': [{'type': 'text', 'text': text}], 'resultType': 'complete'};"
            "print(json.dumps({'jsonrpc': '2.0', 'id': request['id'], 'result': result}), flush=True)"
        )
        answer = say(self.run(settings, code))
        assert answer.value["content"] == [{"type": "text", "text": "nothing"}]


class TestListings:
    @pytest.fixture
    def checked(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """The schemas that were checked."""
        seen: list[Any] = []

        def find(schema: Any) -> Any:
            seen.append(schema)
            return find_schema_problem(schema)

        monkeypatch.setattr("agents.tools.mcp.listing.find_schema_problem", find)
        return seen

    def test_what_cannot_be_used_is_left_out(self) -> None:
        schema = {"type": "object"}
        endless = {"$ref": "#"}
        tools = [
            {"name": "fine", "inputSchema": {"type": "object", "description": "c\u200b"}},
            {"name": "fine", "inputSchema": schema},
            {"name": "a\u202eb", "inputSchema": schema},
            {"name": "", "inputSchema": schema},
            {"name": "x" * 200, "inputSchema": schema},
            {"name": "none"},
            {"name": "wrong", "inputSchema": {"type": 7}},
            {"name": "endless", "inputSchema": endless},
            {"name": "unseen", "inputSchema": {"type": "object", "properties": {"a\u200b": {}}}},
            {"name": "marked", "inputSchema": {"type": "object", "properties": {"a": {"enum": ["b\u202e"]}}}},
            {"name": "big", "inputSchema": {"type": "object", "description": "x" * 200_000}},
            {"name": "long", "description": "x" * 30_000, "inputSchema": schema},
            {"name": "untold", "description": {"a": 1}, "inputSchema": schema},
            {"name": "untyped", "inputSchema": {}},
            {"name": "list", "inputSchema": {"type": "array"}},
            {"name": "careless", "inputSchema": schema, "annotations": {"destructiveHint": "yes"}},
            {"name": "plain", "inputSchema": schema, "annotations": 7},
            {"name": 7, "inputSchema": schema},
            7,
        ]
        listing = found_in(tools)
        assert [tool.name for tool in listing.tools] == ["fine"]
        assert len(listing.left_out) == len(tools) - 1
        assert all(each["reason"] for each in listing.left_out)

    def test_there_are_no_more_than_so_many(self, checked: list[Any]) -> None:
        tools = [{"name": f"t{number}", "inputSchema": {"type": "object"}} for number in range(60_000)]
        listing = found_in(tools)
        assert len(listing.tools) == len(listing.left_out) == len(checked) == 256

    def test_bad_ones_count_as_well(self, checked: list[Any]) -> None:
        listing = found_in({"name": f"t{number}", "inputSchema": {"type": 7}} for number in range(60_000))
        assert (listing.tools, len(checked)) == ((), 256)

    def test_there_is_no_more_of_them_than_so_much(self, checked: list[Any]) -> None:
        schema = {"type": "object", "title": "x" * 99_000}
        listing = found_in({"name": f"t{number}", "inputSchema": schema} for number in range(12))
        assert (len(listing.tools), len(listing.left_out), len(checked)) == (10, 2, 10)

    def test_checking_them_is_no_more_work_than_so_much(self, checked: list[Any]) -> None:
        properties = {f"p{number}": {"type": "string", "pattern": "a"} for number in range(700)}
        small = {"name": "small", "inputSchema": {"type": "object"}}
        large = [
            {"name": f"t{number}", "inputSchema": {"type": "object", "properties": properties}} for number in range(20)
        ]
        listing = found_in([small, *large])
        assert 5 < len(checked) < 15
        assert [tool.name for tool in listing.tools] == ["small", *(each["name"] for each in large[: len(checked) - 2])]
        assert all("too much work" in each["reason"] for each in listing.left_out)
        # What others check is not counted among it.
        assert find_schema_problem(small["inputSchema"]) is None

    @pytest.mark.parametrize("protocol", [STATELESS, STATEFUL])
    @pytest.mark.parametrize(
        "bad",
        [
            {"name": "bad"},
            {"name": "bad", "inputSchema": {}},
            {"name": "bad", "inputSchema": {"type": "zz"}},
            {"name": "bad", "inputSchema": {"type": "object"}, "description": 7},
            {"name": 7, "inputSchema": {"type": "object"}},
            "bad",
        ],
    )
    def test_a_bad_one_takes_no_other_with_it(self, served: Callable[..., Server], protocol: str, bad: Any) -> None:
        good = {"name": "good", "inputSchema": {"type": "object", "properties": {"a": {"default": None}}}}

        def page(request: RecordedRequest) -> Reply:
            return Reply(body=result_of(request, tools=[bad, good], ttlMs=0, cacheScope="private"))

        peer = Handshaken(page)
        peer.called = "tools/list"
        listing, _ = list_tools(served(page if protocol == STATELESS else peer, protocol), whole_s=20)
        assert [tool.name for tool in listing.tools] == ["good"]
        assert listing.tools[0].input_schema == good["inputSchema"]
        assert len(listing.left_out) == 1 and listing.left_out[0]["reason"]

    @pytest.mark.parametrize("bad", ["bad", 7, None, ["bad"]])
    def test_what_is_no_tool_is_none_of_those_that_the_method_gives(
        self, served: Callable[..., Server], bad: Any
    ) -> None:
        good = {"name": "good", "inputSchema": {"type": "object"}}

        def page(request: RecordedRequest) -> Reply:
            return Reply(body=result_of(request, tools=[bad, good], ttlMs=0, cacheScope="private"))

        peer = Handshaken(page)
        peer.called = "tools/list"
        call = by_integration(served(peer).url)
        assert [tool["name"] for tool in methods.list_tools(call)["tools"]] == ["good"]

    def test_one_whose_headers_cannot_be_is_left_out(self, served: Callable[..., Server]) -> None:
        wants = {"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": "a b"}}}

        def page(request: RecordedRequest) -> Reply:
            tools = [{"name": "a", "inputSchema": wants}, {"name": "b", "inputSchema": {"type": "object"}}]
            return Reply(body=result_of(request, tools=tools, ttlMs=0, cacheScope="private"))

        listing, _ = list_tools(served(page), whole_s=20)
        assert [tool.name for tool in listing.tools] == ["b"]
        assert "headers" in listing.left_out[0]["reason"]

    @pytest.mark.parametrize("page", [{}, {"tools": {}}, {"tools": [], "nextCursor": 7}])
    def test_a_list_that_is_none(self, served: Callable[..., Server], page: Any) -> None:
        def reply(request: RecordedRequest) -> Reply:
            return Reply(body=result_of(request, **page))

        with pytest.raises(ToolError, match="not what the protocol says"):
            list_tools(served(reply), whole_s=20)

    def test_pages_without_an_end(self, served: Callable[..., Server]) -> None:
        def page(request: RecordedRequest) -> Reply:
            return Reply(body=result_of(request, tools=[], nextCursor="x", ttlMs=0, cacheScope="private"))

        listing, _ = list_tools(served(page), whole_s=20)
        assert listing.tools == ()

    def test_descriptions_are_cleaned_and_marked(self) -> None:
        hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
        told = shown_description("sea", f"Tides.{hidden}\u200b\ufe01\u202e")
        assert told.endswith("Tides.") and "no instruction" in told

    @pytest.mark.parametrize(
        ("name", "plain"), [("say", True), ("a.b", False), ("x" * 100, False), ("größe", False), ("a b", False)]
    )
    def test_names_fit_and_stay_apart(self, name: str, plain: bool) -> None:
        offered = offered_name("sea", name)
        assert offered.isascii() and len(offered) <= 64 and offered.startswith("sea__")
        assert (offered == f"sea__{name}") is plain
        assert offered != offered_name("sea", name + "_")
