"""What no provider takes is told to it in another form: names of tools, which have their own on the way back, names of
speakers, ids and arguments of calls."""

import asyncio
import re
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.own.scripted import scripted_model
from agents.llm.provider_names import provider_name, speaker_name
from agents.llm.request import ModelRequest
from agents.models import Developer
from tests.loopback.model_server import ModelServer

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


def test_names_of_speakers(developer: Developer) -> None:
    names = ["Ada", "Dr. Watson", "José Müller", "李 明", "李 华", "Ada <ada@example.com>", "x" * 70]
    with scripted_model(["ok"]) as model:
        asked = [{"role": "user", "name": name, "content": "Hi"} for name in names]
        gateway.complete(developer, model="m", messages=asked)
    shown = [message["name"] for message in model.requests[0].messages]
    assert shown[:3] == ["Ada", "Dr_Watson", "Jose_Muller"] and shown[5] == "Ada_ada_example_com"
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in shown) and len(set(shown)) == len(names)
    assert speaker_name(names[3]) == shown[3]


@pytest.mark.parametrize(
    ("model", "taken"),
    [("openai/m", ".{1,40}"), ("openai/mistral-nemo", "[a-zA-Z0-9]{9}"), ("openai/Devstral-Small", "[a-zA-Z0-9]{9}")],
)
def test_ids_of_calls(developer: Developer, model_server: ModelServer, model: str, taken: str) -> None:
    ids = ["call_" + "a" * 32, "functions.weather:0", "D681PevKs", "c" * 60, "c" * 61]
    calls = [{"id": id_, "type": "function", "function": {"name": "weather", "arguments": "{}"}} for id_ in ids]
    results = [{"role": "tool", "tool_call_id": id_, "content": id_} for id_ in ids]
    asking = {"role": "assistant", "content": None, "tool_calls": calls}
    gateway.complete(developer, model=model, messages=[{"role": "user", "content": "Hi"}, asking, *results])
    (sent,) = model_server.chats
    shown = [call["id"] for call in sent["messages"][1]["tool_calls"]]
    assert [message["tool_call_id"] for message in sent["messages"][2:]] == shown
    assert all(re.fullmatch(taken, id_) for id_ in shown) and len(set(shown)) == len(ids) and shown[2] == ids[2]


def test_arguments_that_a_model_got_wrong_do_not_end_the_conversation(
    developer: Developer, model_server: ModelServer
) -> None:
    written = ['{"q": ', '"{\\"q\\": 1}"', '{"q": "a\nb"}', None, "", '{"q":  1}']
    calls = [
        {"id": f"c{place}", "type": "function", "function": {"name": "f", "arguments": text}}
        for place, text in enumerate(written)
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "no"} for call in calls]
    asking = {"role": "assistant", "content": None, "tool_calls": calls}
    gateway.complete(developer, model="openai/m", messages=[{"role": "user", "content": "Hi"}, asking, *results])
    sent = model_server.chats[0]["messages"][1]["tool_calls"]
    assert [call["function"]["arguments"] for call in sent] == [
        "{}", '{"q":1}', '{"q":"a\\nb"}', "{}", "{}", '{"q":  1}',
    ]  # fmt: skip


def test_a_function_call_of_before_there_were_several_calls(developer: Developer, model_server: ModelServer) -> None:
    asked = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sun"},
    ]
    gateway.complete(developer, model="openai/m", messages=asked)
    _, called, result = model_server.chats[0]["messages"]
    (call,) = called["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": "{}"}
    assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", call["id"], "sun")
