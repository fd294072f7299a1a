"""Names of tools that no provider takes are others on the way there, and the own ones on the way back."""

import asyncio
import re
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.own.scripted import scripted_model
from agents.llm.request import ModelRequest
from agents.llm.tool_names import provider_name
from agents.models import Developer

pytestmark = pytest.mark.usefixtures("committed_usage")
NAMES = ["wetter_für_morgen", "查询", "x" * 90, "x" * 91, "get weather.now", "weather"]


@pytest.mark.parametrize("stream", [False, True])
def test_there_and_back(developer: Developer, stream: bool) -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in NAMES]
    earlier = {"id": "c1", "type": "function", "function": {"name": NAMES[0], "arguments": "{}"}}
    question: dict[str, Any] = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": [earlier]},
            {"role": "tool", "tool_call_id": "c1", "name": NAMES[0], "content": "sun"},
        ],
        "tools": tools,
        "tool_choice": {"type": "function", "function": {"name": NAMES[1]}},
    }

    def calls_all(request: ModelRequest) -> dict[str, Any]:
        names = [tool["function"]["name"] for tool in request.tools]
        made = [{"id": f"d{place}", "function": {"name": name, "arguments": "{}"}} for place, name in enumerate(names)]
        return {"tool_calls": made}

    with scripted_model([calls_all]) as model:
        called = _streamed(developer, question) if stream else _whole(developer, question)
    (request,) = model.requests
    shown = [tool["function"]["name"] for tool in request.tools]
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in shown) and len(set(shown)) == len(NAMES)
    assert request.messages[1]["tool_calls"][0]["function"]["name"] == request.messages[2]["name"] == shown[0]
    assert request.tool_choice == {"type": "function", "function": {"name": shown[1]}}
    assert called == NAMES
    assert shown[-1] == "weather" and provider_name(NAMES[1]) == shown[1]


def _whole(developer: Developer, question: dict[str, Any]) -> list[str]:
    (choice,) = gateway.complete(developer, **question)["choices"]
    return [call["function"]["name"] for call in choice["message"]["tool_calls"]]


def _streamed(developer: Developer, question: dict[str, Any]) -> list[str]:
    async def read() -> list[dict[str, Any]]:
        return [chunk async for chunk in gateway.astream(developer, **question)]

    deltas = [choice["delta"] for chunk in asyncio.run(read()) for choice in chunk["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    return [call["function"]["name"] for call in calls if "id" in call]
