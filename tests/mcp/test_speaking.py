"""Speaking with servers made with the library, over each transport and in both generations of the protocol."""

import base64
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.calls.wanted import wanted_while
from agents.tools.errors import Delivery, ReportedError, ToolError
from agents.tools.mcp.client import ask, list_tools
from agents.tools.mcp.results import short_result, whole_result
from agents.tools.mcp.server import Answer, Question, Server
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.loopback.mcp_server import PIXEL, McpServer
from tests.loopback.web_server import WebServer

STATELESS, STATEFUL = "2026-07-28", "2025-11-25"
KINDS = ("stateless", "stateful", "found out", "sse", "stdio")
Call = Callable[..., Answer]


@pytest.fixture(params=KINDS)
def server(request: Any, harbour: McpServer, settings: Any) -> Server:
    settings.MCP_COMMANDS = {"harbour": [sys.executable, str(Path(__file__).parent / "harbour.py")]}
    return {
        "stateless": Server("http", harbour.http, protocol=STATELESS),
        "stateful": Server("http", harbour.http, protocol=STATEFUL),
        "found out": Server("http", harbour.http),
        "sse": Server("sse", harbour.sse, protocol=STATEFUL),
        "stdio": Server("stdio", command="harbour", protocol=STATELESS),
    }[request.param]


def test_a_tool_is_called_over_every_transport(server: Server, call: Call) -> None:
    answer = call(server, "tide", port="Brest")
    assert short_result(answer, None) == {"port": "Brest", "metres": 2.5}
    assert answer.protocol == (STATEFUL if server.protocol == STATEFUL else STATELESS)
    assert server.protocol is not None or answer.server_info["version"] == "7"


@pytest.fixture
def http(harbour: McpServer) -> Server:
    return Server("http", harbour.http, protocol=STATELESS)


@pytest.mark.parametrize("protocol", [STATELESS, STATEFUL])
class TestCalls:
    @pytest.fixture
    def http(self, harbour: McpServer, protocol: str) -> Server:
        return Server("http", harbour.http, {"Authorization": "Bearer buoy"}, protocol=protocol)

    def test_progress_keeps_a_call_alive_and_silence_ends_it(
        self, http: Server, call: Call, harbour: McpServer
    ) -> None:
        assert short_result(call(http, "slow", steps=8, pause=0.1, idle_s=0.4), None) == "done"
        harbour.ended.clear()
        with pytest.raises(ToolError, match=r"no answer within 0\.3 s") as caught:
            call(http, "slow", steps=1, pause=30, idle_s=0.3)
        error = caught.value
        assert (error.delivery, error.retryable, error.repeatable) == (Delivery.UNCLEAR, False, True)
        assert harbour.ended.wait(5), "the server was not told that nobody waits"

    def test_progress_does_not_keep_it_alive_for_ever(self, http: Server, call: Call) -> None:
        with pytest.raises(ToolError, match="no answer within"):
            call(http, "slow", steps=100, pause=0.05, idle_s=0.5, whole_s=0.8)

    def test_headers_and_the_key_of_the_call_arrive(self, http: Server, call: Call, harbour: McpServer) -> None:
        call(http, "told")
        seen = harbour.seen[-1]
        assert seen["headers"]["authorization"] == "Bearer buoy"
        assert seen["meta"]["julep/idempotency-key"] == "key-1"

    def test_what_fails_says_so(self, http: Server, call: Call) -> None:
        answer = call(http, "fail", why="fog")
        assert whole_result(answer)["is_error"] is True
        with pytest.raises(ReportedError, match="fog") as caught:
            short_result(answer, None)
        assert not caught.value.repeatable

    def test_pictures_are_data_urls(self, http: Server, call: Call) -> None:
        result = short_result(call(http, "picture"), None)
        picture = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
        assert result["text"] == "a pixel"
        assert result["content"][1] == {"type": "image", "mimeType": "image/png", "base64_image": picture}

    def test_nobody_is_asked_and_the_result_says_so(self, http: Server, call: Call) -> None:
        result = short_result(call(http, "ask"), None)
        assert result["text"] == "a person said decline"
        assert result["declined"] == [{"message": "Which berth?", "answer": "decline"}]

    def test_other_methods(self, http: Server) -> None:
        def said(method: str, **arguments: Any) -> Any:
            return ask(http, Question(method, arguments, idle_s=10, whole_s=10)).value

        assert [each["uri"] for each in said("list_resources")["resources"]] == ["harbour://chart"]
        assert said("read_resource", uri="harbour://chart")["contents"][0]["text"] == "rocks"
        assert [each["name"] for each in said("list_prompts")["prompts"]] == ["greet"]
        message = said("get_prompt", name="greet", arguments={"name": "Ada"})["messages"][0]
        assert message["content"]["text"] == "Greet Ada."


def test_what_the_server_is_remembered_to_speak_may_be_wrong(web_server: WebServer, call: Call) -> None:
    info = {"protocolVersion": STATEFUL, "capabilities": {}, "serverInfo": {"name": "old", "version": "1"}}

    def old(request: RecordedRequest) -> Reply:
        if request.method != "POST" or "id" not in request.json():
            return Reply(202 if request.method == "POST" else 405)
        asked = request.json()
        about: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        if asked["method"] == "initialize":
            return Reply(body={**about, "result": info}, headers={"Mcp-Session-Id": "s1"})
        if request.headers.get("mcp-session-id") != "s1":
            return Reply(400, {**about, "error": {"code": -32600, "message": "there is no session"}})
        return Reply(body={**about, "result": {"content": [{"type": "text", "text": "ahoy"}]}})

    answer = call(Server("http", web_server.script("/mcp", old), protocol=STATELESS), "say")
    assert (answer.protocol, short_result(answer, None)) == (STATEFUL, "ahoy")


def test_tools_are_listed_with_their_hashes(http: Server) -> None:
    listing, _ = list_tools(http, whole_s=10)
    found = {tool.name: tool for tool in listing.tools}
    assert found["tide"].description == "The height of the tide."
    assert found["tide"].input_schema["required"] == ["port"]
    assert found["tide"].output_schema is not None
    assert len({tool.hash for tool in listing.tools}) == len(listing.tools)


@pytest.mark.parametrize("protocol", [STATELESS, STATEFUL])
def test_a_call_that_nobody_waits_for_any_more_is_ended(
    harbour: McpServer, call: Call, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its run is cancelled."""
    monkeypatch.setattr("agents.tools.mcp.speaking.LOOK_EVERY_S", 0.05)
    harbour.ended.clear()
    with wanted_while(lambda: False), pytest.raises(ToolError, match="nobody waits") as caught:
        call(Server("http", harbour.http, protocol=protocol), "slow", steps=1, pause=30)
    assert caught.value.delivery is Delivery.UNCLEAR
    assert harbour.ended.wait(5)
