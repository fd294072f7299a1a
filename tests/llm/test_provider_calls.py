"""The gateway over litellm's real HTTP path, against a provider on loopback."""

import json
from decimal import Decimal
from typing import Any

import pytest

from agents.llm import gateway
from agents.models import Agent, Developer, ModelUsage
from julep_project.core.errors import DomainError, ModelRefused, ModelUnavailable, PromptTooBig
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import ModelServer, failure, tool_call
from tests.loopback.web_server import WebServer

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is two and two?"}]


def test_an_answer_is_plain_json_with_the_text_on_each_choice(developer: Developer, model_server: ModelServer) -> None:
    model_server.script("It is four.")

    answer = gateway.complete(developer, model="gpt-4o-mini", messages=ASKED, settings={"temperature": 0.5})

    assert json.loads(json.dumps(answer)) == answer
    (choice,) = answer["choices"]
    assert (choice["content"], choice["message"]["content"], choice["finish_reason"]) == ("It is four.",) * 2 + (
        "stop",
    )
    (sent,) = model_server.chats
    assert (sent["model"], sent["messages"], sent["temperature"]) == ("gpt-4o-mini", ASKED, 0.5)
    assert model_server.requests[0].headers["authorization"] == "Bearer sk-loopback-key"


def test_usage_is_recorded_once_with_the_listed_price(developer: Developer, model_server: ModelServer) -> None:
    model_server.script("It is four.")

    gateway.complete(developer, model="gpt-4o-mini", messages=ASKED, metadata={"request_id": "r1"})

    row = ModelUsage.objects.get()
    assert (row.developer, row.model, row.prompt_tokens, row.completion_tokens) == (developer, "gpt-4o-mini", 7, 3)
    assert row.cost == Decimal("0.000002850")  # 7 x 0.15 and 3 x 0.60 dollars per million
    assert (row.estimated, row.custom_api_used, row.metadata) == (False, False, {"tags": ["paid"], "request_id": "r1"})


def test_an_unknown_price_is_null(developer: Developer, model_server: ModelServer) -> None:
    gateway.complete(developer, model="openai/model-of-ours", messages=ASKED)

    assert ModelUsage.objects.get().cost is None


def test_the_callers_own_key_is_used_and_noted(developer: Developer, model_server: ModelServer) -> None:
    gateway.complete(developer, model="gpt-4o-mini", messages=ASKED, custom_key="sk-own")

    assert model_server.requests[0].headers["authorization"] == "Bearer sk-own"
    assert ModelUsage.objects.get().custom_api_used


def test_tools_are_offered_and_calls_come_back(developer: Developer, model_server: ModelServer) -> None:
    model_server.script(tool_call("weather", {"city": "Rome"}))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [
        {"name": "weather", "type": "function", "description": "Now", "function": {"parameters": schema}},
        {"name": "hook", "type": "api_call", "api_call": {"method": "GET", "url": "u", "params_schema": schema}},
    ]

    answer = gateway.complete(
        developer, model="gpt-4o", messages=ASKED, tools=tools, tool_choice={"function": {"name": "weather"}}
    )

    (sent,) = model_server.chats
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["weather", "hook"]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    (choice,) = answer["choices"]
    assert (choice["finish_reason"], choice["content"]) == ("tool_calls", None)
    (call,) = choice["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("weather", {"city": "Rome"})


def test_a_conversation_with_tool_results_is_passed_on(developer: Developer, model_server: ModelServer) -> None:
    calls = tool_call("weather", {"city": "Rome"})["tool_calls"]
    messages = [
        {"role": "user", "content": ["Weather?", "In Rome."], "name": None, "continue": None},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]

    gateway.complete(developer, model="gpt-4o", messages=messages)

    user, assistant, tool = model_server.chats[0]["messages"]
    assert user == {
        "role": "user",
        "content": [{"type": "text", "text": "Weather?"}, {"type": "text", "text": "In Rome."}],
    }
    assert assistant["tool_calls"] == calls
    assert tool == {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}


def test_settings_of_the_step_win_over_those_of_the_agent(
    developer: Developer, agent: Agent, model_server: ModelServer
) -> None:
    agent.model = "gpt-4o"
    agent.default_settings = {"temperature": 0.1, "top_p": 0.5, "model": "gpt-4o-mini", "max_tokens": 9}

    gateway.complete(
        developer,
        agent=agent,
        messages=ASKED,
        settings={"temperature": 0.9, "top_p": None, "stop": ["x"], "min_p": 0.1},
    )

    (sent,) = model_server.chats
    assert (sent["model"], sent["temperature"], sent["top_p"], sent["stop"]) == ("gpt-4o-mini", 0.9, 0.5, ["x"])
    assert sent["max_tokens"] == 9
    assert "min_p" not in sent


@pytest.mark.parametrize("name", ["api_base", "base_url", "api_key", "extra_headers", "mock_response", "api_version"])
def test_no_setting_can_send_the_servers_key_elsewhere(
    developer: Developer, agent: Agent, model_server: ModelServer, name: str
) -> None:
    agent.default_settings = {name: "http://127.0.0.1:1/"}

    gateway.complete(developer, agent=agent, model="gpt-4o", messages=ASKED, settings={name: "http://127.0.0.1:1/"})

    assert model_server.requests[0].headers["authorization"] == "Bearer sk-loopback-key"


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "gemini/gemini-2.5-flash"])
def test_a_picture_of_this_machine_is_not_fetched_for_a_model(
    developer: Developer, web_server: WebServer, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-none")
    monkeypatch.setenv("GEMINI_API_KEY", "none")
    picture = {"type": "image_url", "image_url": {"url": f"{web_server.url}/picture.png"}}

    with pytest.raises(DomainError):
        gateway.complete(developer, model=model, messages=[{"role": "user", "content": [picture]}])

    assert web_server.requests == []


@pytest.mark.parametrize("model", ["huggingface/https://127.0.0.1:1/x", "a b", "x" * 300, 3, "a\nb"])
def test_a_model_name_that_is_something_else(developer: Developer, model: Any) -> None:
    with pytest.raises(DomainError) as caught:
        gateway.complete(developer, model=model, messages=ASKED)
    assert caught.value.status == 400


class TestFailures:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
    def test_what_may_pass(self, developer: Developer, model_server: ModelServer, status: int) -> None:
        model_server.script(failure(status, "overloaded"), "never asked again")

        with pytest.raises(ModelUnavailable, match="overloaded") as caught:
            gateway.complete(developer, model="gpt-4o", messages=ASKED)

        assert caught.value.retryable
        assert len(model_server.requests) == 1
        assert not ModelUsage.objects.exists()

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
    def test_what_stays(self, developer: Developer, model_server: ModelServer, status: int) -> None:
        model_server.script(failure(status, "not like this"))

        with pytest.raises(ModelRefused, match="not like this") as caught:
            gateway.complete(developer, model="gpt-4o", messages=ASKED)

        assert not caught.value.retryable

    def test_a_prompt_over_the_window(self, developer: Developer, model_server: ModelServer) -> None:
        text = "This model's maximum context length is 8192 tokens, your messages resulted in 9000 tokens."
        model_server.script(failure(400, text, code="context_length_exceeded"))

        with pytest.raises(PromptTooBig, match="maximum context length") as caught:
            gateway.complete(developer, model="gpt-4o", messages=ASKED)

        assert not caught.value.retryable

    def test_no_answer_in_time(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script(Reply(delay_s=3))

        with pytest.raises(ModelUnavailable):
            gateway.complete(developer, model="gpt-4o", messages=ASKED, timeout_s=0.3)
        assert len(model_server.requests) == 1

    @pytest.mark.parametrize("reply", [Reply(body="not json"), Reply(body={"choices": []}), Reply(raw=[])])
    def test_an_answer_that_is_none(self, developer: Developer, model_server: ModelServer, reply: Reply) -> None:
        model_server.script(reply)

        with pytest.raises(ModelUnavailable):
            gateway.complete(developer, model="gpt-4o", messages=ASKED)

    def test_a_model_of_no_known_provider(self, developer: Developer) -> None:
        with pytest.raises(ModelRefused, match="no-such-model"):
            gateway.complete(developer, model="no-such-model", messages=ASKED)

    def test_a_provider_without_a_key(self, developer: Developer) -> None:
        with pytest.raises(ModelRefused, match="(?i)api.key"):
            gateway.complete(developer, model="claude-haiku-4-5", messages=ASKED)

    def test_keys_are_not_repeated(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script(failure(401, "Incorrect API key provided: sk-loopback-key"))

        with pytest.raises(ModelRefused) as caught:
            gateway.complete(developer, model="gpt-4o", messages=ASKED)
        assert "loopback-key" not in caught.value.message
        assert "Incorrect API key provided: ***" in caught.value.message


_SAID = {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"finish_reason": "error", "message": _SAID}, "error"),
        ({"finish_reason": "MALFORMED_FUNCTION_CALL", "message": _SAID}, "MALFORMED_FUNCTION_CALL"),
        ({"finish_reason": None, "message": _SAID, "error": {"code": 502, "message": "upstream is away"}}, "is away"),
    ],
)
def test_an_answer_that_ended_with_an_error_is_none(
    developer: Developer, model_server: ModelServer, choice: dict[str, Any], words: str
) -> None:
    model_server.script(Reply(200, {"id": "a", "object": "chat.completion", "choices": [{"index": 0, **choice}]}))
    with pytest.raises(ModelUnavailable, match=words):
        gateway.complete(developer, model="openai/m", messages=ASKED)


@pytest.mark.parametrize("model", ["openai/m", "hosted_vllm/m"])
def test_an_answer_may_lack_what_goes_without_saying(
    developer: Developer, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("HOSTED_VLLM_API_BASE", model_server.api_base)
    model_server.script(Reply(200, {"choices": [{"message": {"content": "Four.", "tool_calls": [None]}}]}))
    answer = gateway.complete(developer, model=model, messages=ASKED)
    assert (answer["choices"][0]["content"], answer["choices"][0]["finish_reason"]) == ("Four.", "stop")


def test_an_id_of_an_earlier_call_is_another(developer: Developer, model_server: ModelServer) -> None:
    """As a prompt step asks, and whoever keeps the conversation himself."""
    earlier = tool_call("weather", {}, id="c1")
    result = {"role": "tool", "tool_call_id": "c1", "content": "sun"}
    model_server.script(tool_call("weather", {"city": "Rome"}, id="c1"))
    asked = [*ASKED, {"role": "assistant", "content": None, **earlier}, result]
    (call,) = gateway.complete(developer, model="openai/m", messages=asked)["choices"][0]["message"]["tool_calls"]
    assert call["id"] and call["id"] != "c1"
