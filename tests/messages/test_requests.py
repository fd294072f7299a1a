"""What a request of the messages API asks a model, and what is refused of it."""

import json
from typing import Any

import pytest

from agents.api.anthropic.request import Asked
from agents.api.anthropic.surface import MESSAGES
from agents.llm.own.scripted import scripted_model
from agents.models import ModelUsage
from julep_project.core.errors import DomainError
from julep_project.core.reading.surface import Fate
from tests.loopback.claude import claude_answers
from tests.loopback.model_server import ModelServer
from tests.loopback.web_server import WebServer
from tests.messages.bodies import (
    CALL,
    EVERYTHING,
    HIDDEN,
    PDF,
    PICTURE,
    PIXEL,
    RESULT,
    SAID,
    SCHEMA,
    THOUGHT,
    TOOL,
    USER,
)
from tests.messages.conftest import ASK, HI, MessagesClient

DATA = f"data:image/png;base64,{PIXEL}"
USERS = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
CACHED = {"cache_control": {"type": "ephemeral"}}


def with_user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def place_of_problem(fields: dict[str, Any]) -> str | None:
    """Where a request with these fields is wrong."""
    with pytest.raises(DomainError) as refused:
        Asked.read({**ASK, **fields})
    assert refused.value.status in (400, 422)
    return refused.value.param


def test_everything_that_is_sent_reaches_claude(client: MessagesClient, claude: WebServer) -> None:
    """In the form in which it was given, as far as there is a place for it."""
    claude.script("/v1/messages", claude_answers([{"type": "text", "text": '{"city": "Rome"}'}], "end_turn"))
    assert set(EVERYTHING) >= set(MESSAGES.names(Fate.SENT))

    assert client.create(**EVERYTHING)["content"][0]["text"] == '{"city": "Rome"}'

    [request] = claude.requests
    sent = request.json()
    same = ("max_tokens", "system", "stop_sequences", "temperature", "top_p", "top_k", "metadata")
    assert {name: sent[name] for name in same} == {name: EVERYTHING[name] for name in same}
    assert sent["thinking"] == EVERYTHING["thinking"]
    assert sent["tools"][0] == {name: TOOL[name] for name in sent["tools"][0]}
    assert sent["tool_choice"]["disable_parallel_tool_use"] is True
    user, said, result = sent["messages"]
    assert user["content"][:3] == USER["content"][:3]
    assert user["content"][4]["source"] == USER["content"][3]["source"]
    texts = [block["text"] for block in user["content"] if block["type"] == "text"]
    assert texts == [
        "What is this?",
        "Tides",
        "High at noon.",
        "Low at six.",
        "Tides today\nhttps://tides.example/",
        "High.",
    ]
    assert said["content"] == SAID["content"]
    told = result["content"][0]
    assert (told["type"], told["tool_use_id"]) == ("tool_result", "toolu_1")
    assert told["content"] == [{"type": "text", "text": "The call failed: Clouds"}, PICTURE]
    assert result["content"][1] == {**RESULT["content"][1], **CACHED}
    assert ModelUsage.objects.get().metadata["endpoint"] == "messages"


def test_what_a_model_is_asked(client: MessagesClient) -> None:
    with scripted_model(["{}"]) as model:
        client.create(**{**EVERYTHING, "output_config": {"effort": "low"}, "service_tier": "standard_only"})
    [request] = model.requests
    assert request.settings == {
        "max_tokens": 3000,
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 5,
        "stop": ["END"],
        "user": "5551234567",
        "reasoning_effort": "low",
        "thinking": EVERYTHING["thinking"],
        "parallel_tool_calls": False,
        "service_tier": "default",
    }
    function = {"name": "weather", "description": TOOL["description"], "parameters": SCHEMA, "strict": True}
    assert request.tools == [{"type": "function", "function": function, **CACHED}]
    assert request.tool_choice == "auto"
    system, user, said, result, rest = request.messages
    assert system == {"role": "system", "content": [{"type": "text", "text": "Be brief.", **CACHED}]}
    assert user["content"][1] == {"type": "image_url", "image_url": {"url": DATA}}
    assert user["content"][4]["file"] == {"filename": "Tides", "file_data": f"data:application/pdf;base64,{PDF}"}
    arguments = json.dumps(CALL["input"], separators=(",", ":"))
    call = {"id": "toolu_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    assert said == {
        "role": "assistant",
        "content": "I will look.",
        "tool_calls": [call],
        "thinking_blocks": [THOUGHT, HIDDEN],
    }
    assert (result["role"], result["tool_call_id"], len(result["content"])) == ("tool", "toolu_1", 2)
    assert rest["content"] == [{"type": "text", "text": "Well?", **CACHED}]


def test_a_model_of_another_provider(client: MessagesClient, model_server: ModelServer) -> None:
    client.create(model="o3-mini", max_tokens=5000, messages=[USERS, SAID, RESULT], tools=[TOOL],
                  thinking={"type": "enabled", "budget_tokens": 2000})  # fmt: skip
    [sent] = model_server.chats
    assert (sent["max_completion_tokens"], sent["reasoning_effort"]) == (5000, "low")
    assert "thinking" not in sent and "cache_control" not in json.dumps(sent)
    said, result, pictures, rest = sent["messages"][1:]
    assert set(said) == {"role", "content", "tool_calls"}
    assert rest == {"role": "user", "content": "Well?"}
    assert [part["type"] for part in result["content"]] == ["text", "text"]
    assert pictures["content"][1] == {"type": "image_url", "image_url": {"url": DATA}}
    assert pictures["content"][0]["text"] == "Of the result of the call toolu_1:"


def test_thoughts_that_nobody_signed_are_not_sent(client: MessagesClient) -> None:
    unsigned = {**THOUGHT, "signature": ""}
    said = {"role": "assistant", "content": [unsigned, {"type": "text", "text": "Hello"}]}
    with scripted_model(["ok"]) as model:
        client.create(messages=[USERS, said, {"role": "assistant", "content": [unsigned]}, USERS])
    assert [message["role"] for message in model.requests[0].messages] == ["user", "assistant", "user"]
    assert model.requests[0].messages[1] == {"role": "assistant", "content": "Hello"}
    assert client.refuse(messages=[{"role": "assistant", "content": [THOUGHT]}])[0] == 400


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_choices(client: MessagesClient, given: Any, wanted: Any) -> None:
    with scripted_model(["ok"]) as model:
        client.create(tools=[TOOL], tool_choice=given)
    assert (model.requests[0].tool_choice, model.requests[0].settings) == (wanted, {"max_tokens": 100})


LATE = [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "tool_result", "tool_use_id": "toolu_1"}]}]
NO_BASE64 = {"type": "base64", "media_type": "image/png", "data": "?"}
NO_ADDRESS = {"type": "url", "url": "file:///etc/passwd"}
REFERRING = {"format": {"type": "json_schema", "schema": {"$ref": "#"}}}


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ({"type": "text", "text": ""}, "text"),
        ({"type": "text", "text": "x", "cache_control": {"type": "long"}}, "cache_control.type"),
        ({"type": "text", "text": "x", "colour": "red"}, "colour"),
        ({"type": "sound"}, "type"),
        ({"type": "image", "source": NO_BASE64}, "source.data"),
        ({"type": "image", "source": NO_ADDRESS}, "source.url"),
        ({"type": "tool_result", "tool_use_id": "toolu_1"}, "tool_use_id"),
    ],
    ids=str,
)
def test_blocks_that_are_wrong(block: dict[str, Any], place: str) -> None:
    assert place_of_problem(with_user(block)) == f"messages[0].content[0].{place}"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": HI * 5001}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "messages[0].name"),
        (with_user(), "messages[0].content"),
        ({"messages": [USERS, SAID, *LATE]}, "messages[2].content[1]"),
        ({"messages": [USERS, SAID, USERS]}, "messages[2].content"),
        ({"messages": [USERS, SAID]}, "messages[1]"),
        ({"messages": [USERS, SAID, RESULT, SAID]}, "messages[3].content[3].id"),
        ({"tools": [TOOL, TOOL]}, "tools[1].name"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "tools[0].name"),
        ({"tools": [{**TOOL, "input_schema": {"type": "object", "required": [{}]}}]}, "tools[0].input_schema"),
        ({"tools": [{"name": "x"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "fly"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "disabled", "display": "omitted"}}, "thinking.display"),
        ({"output_config": {"effort": "none"}}, "output_config.effort"),
        ({"output_config": REFERRING}, "output_config.format.schema"),
        ({"stop_sequences": [""]}, "stop_sequences[0]"),
        ({"temperature": 2}, "temperature"),
    ],
    ids=str,
)
def test_what_is_wrong(fields: dict[str, Any], place: str) -> None:
    assert place_of_problem(fields) == place


def test_what_is_wrong_is_told_with_its_place(client: MessagesClient) -> None:
    with scripted_model([]) as model:
        status, kind, message = client.refuse(tools=[TOOL, TOOL])
    assert (status, kind, message.partition(": ")[0]) == (400, "invalid_request_error", "tools[1].name")
    assert model.requests == []


AT_BLOCK = "messages[0].content[0]"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"container": "c"}, "container"),
        ({"speed": "fast"}, "speed"),
        ({"betas": ["x"]}, "betas"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{**TOOL, "defer_loading": True}]}, "tools[0].defer_loading"),
        (with_user({"type": "image", "source": {"type": "file", "file_id": "f"}}), f"{AT_BLOCK}.source.type"),
        (with_user({"type": "container_upload", "file_id": "f"}), f"{AT_BLOCK}.type"),
        (with_user({**USER["content"][3], "citations": {"enabled": True}}), f"{AT_BLOCK}.citations.enabled"),
    ],
    ids=str,
)
def test_what_is_not_supported(fields: dict[str, Any], named: str) -> None:
    assert place_of_problem(fields) == named


@pytest.mark.parametrize("name", ["user_profile_id", "workspace_id"])
def test_what_is_not_supported_as_a_header(client: MessagesClient, name: str) -> None:
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        answer = client.send(path=path, body=ASK, **{f"anthropic-{name.replace('_', '-')}": "x"})
        assert (answer.status_code, repr(name) in answer.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("model", "fields", "named"),
    [
        ("gpt-4o", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}, "thinking"),
        ("mistral/mistral-small-latest", {"metadata": {"user_id": "x"}}, "metadata.user_id"),
    ],
)
def test_what_a_model_does_not_take(
    client: MessagesClient, monkeypatch: pytest.MonkeyPatch, model: str, fields: dict[str, Any], named: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-unused")
    monkeypatch.setenv("MISTRAL_API_KEY", "sk-unused")
    status, kind, message = client.refuse(model=model, **fields)
    assert (status, kind) == (400, "invalid_request_error")
    assert repr(named) in message and model in message


def test_a_model_that_is_not_listed(client: MessagesClient, settings: Any) -> None:
    settings.MODELS = ["gpt-4o"]
    assert client.refuse(model="gpt-5")[0] == 400


def test_tokens_are_counted(client: MessagesClient) -> None:
    path = "/v1/messages/count_tokens"
    body = {"model": "gpt-4o", "messages": HI}
    few = client.send(path=path, body=body).json()
    more = client.send(path=path, body={**body, "tools": [TOOL], "system": "Be brief."}).json()
    assert set(few) == {"input_tokens"}
    assert 0 < few["input_tokens"] < more["input_tokens"]
    assert client.send(path=path, body=ASK).json()["error"]["message"] == "Unknown parameter: 'max_tokens'"
    assert not ModelUsage.objects.exists()
