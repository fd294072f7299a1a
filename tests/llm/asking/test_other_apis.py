"""What other APIs than chat completions ask of a model, and hear from it."""

import asyncio
import json
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.answer import Answer
from agents.models import Developer
from julep_project.core.reading.surface import ParameterRefused
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import ModelServer
from tests.loopback.web_server import WebServer

pytestmark = pytest.mark.usefixtures("committed_usage")

HI = [{"role": "user", "content": "Hi"}]
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQK"}}
CLOUDS = {"type": "text", "text": "Clouds"}
WITH_A_PICTURE: list[dict[str, Any]] = [
    *HI,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "toolu_1", "content": [CLOUDS, PICTURE, FILE]},
]
CLAUDE = "anthropic/claude-haiku-4-5"
STOPPED = {"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}}


@pytest.fixture
def claude(web_server: WebServer, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    monkeypatch.setenv("ANTHROPIC_API_BASE", web_server.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-loopback-key")
    web_server.script("/v1/messages", Reply(body=_message(stop_sequence="END")))
    return web_server


def _message(**fields: Any) -> dict[str, Any]:
    said = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn"}
    used = {"input_tokens": 1, "output_tokens": 1}
    return {**said, "content": [{"type": "text", "text": "Hello"}], "usage": used, **fields}


def test_pictures_and_files_of_results(developer: Developer, model_server: ModelServer, claude: WebServer) -> None:
    """They stay in the result where its provider takes them, and follow behind all results elsewhere."""
    gateway.complete(developer, model=CLAUDE, messages=WITH_A_PICTURE)
    [block] = claude.requests[0].json()["messages"][-1]["content"]
    assert (block["type"], [part["type"] for part in block["content"]]) == (
        "tool_result",
        ["text", "image", "document"],
    )

    second = {**WITH_A_PICTURE[2], "content": "Sun", "tool_call_id": "toolu_2"}
    calls = {**WITH_A_PICTURE[1], "tool_calls": [CALL, {**CALL, "id": "toolu_2"}]}
    gateway.complete(developer, model="gpt-4o", messages=[*HI, calls, WITH_A_PICTURE[2], second, *HI])
    first, other, shown, last = model_server.chats[0]["messages"][2:]
    assert [part["type"] for part in first["content"]] == ["text", "text"]
    assert (other["content"], last) == ("Sun", HI[0])
    assert (shown["role"], shown["content"][1:]) == ("user", [PICTURE, FILE])
    assert "toolu_1" in shown["content"][0]["text"]


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (4097, "medium"), (20000, "high")])
def test_how_much_to_think(developer: Developer, model_server: ModelServer, budget: int, effort: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    gateway.complete(developer, model="o3-mini", messages=HI, settings={"thinking": thinking}, strict=True)
    [sent] = model_server.chats
    assert (sent["reasoning_effort"], "thinking" in sent) == (effort, False)


def test_a_model_that_cannot_be_told_to_think(developer: Developer, model_server: ModelServer) -> None:
    with pytest.raises(ParameterRefused, match="gpt-4o") as refused:
        thinking = {"type": "enabled", "budget_tokens": 1024}
        gateway.complete(developer, model="gpt-4o", messages=HI, settings={"thinking": thinking}, strict=True)
    assert (refused.value.param, model_server.chats) == ("thinking", [])
    gateway.complete(developer, model="gpt-4o", messages=HI, settings={"thinking": {"type": "adaptive"}}, strict=True)
    assert "thinking" not in model_server.chats[0]


def test_the_text_that_stopped_a_model(developer: Developer, claude: WebServer) -> None:
    [choice] = gateway.complete(developer, model=CLAUDE, messages=HI, settings={"stop": ["END"]})["choices"]
    assert choice["stop_sequence"] == "END"

    begun = {"type": "message_start", "message": _message(content=[])}
    events = "".join(f"data: {json.dumps(event)}\n\n" for event in (begun, STOPPED, {"type": "message_stop"}))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    claude.script("/v1/messages", Reply(raw=[head, events.encode()]))

    async def heard() -> Answer:
        answer = Answer()
        async for _ in gateway.listen(developer, answer, live=True, model=CLAUDE, messages=HI):
            pass
        return answer

    assert asyncio.run(heard()).stop_sequence == "END"
