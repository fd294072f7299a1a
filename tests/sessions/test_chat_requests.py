"""Bodies of chats. They are checked before the session is looked for."""

from typing import Any

import pytest

from sessions.chat_request import ChatRequest
from tests.api_client import ApiClient
from tests.sessions.conftest import MISSING


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, "messages", "missing"),
        ({"messages": None}, "messages", "list_type"),
        ({"messages": []}, "messages", "too_short"),
        ({"messages": "hi"}, "messages", "list_type"),
        ({"message": 7}, "message", "string_type"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role", "enum"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content", "string_too_short"),
        ({"message": "a", "agent": "x"}, "agent", "uuid_parsing"),
        ({"message": "a", "temperature": 5.1}, "temperature", "less_than_equal"),
        ({"message": "a", "temperature": "NaN"}, "temperature", "float_type"),
        ({"message": "a", "temperature": True}, "temperature", "float_type"),
        ({"message": "a", "top_p": -0.1}, "top_p", "greater_than_equal"),
        ({"message": "a", "min_p": 1.1}, "min_p", "less_than_equal"),
        ({"message": "a", "seed": 1001}, "seed", "less_than_equal"),
        ({"message": "a", "seed": -2}, "seed", "greater_than_equal"),
        ({"message": "a", "max_tokens": 0}, "max_tokens", "greater_than_equal"),
        ({"message": "a", "stop": list("abcde")}, "stop", "too_long"),
        ({"message": "a", "presence_penalty": -2.1}, "presence_penalty", "greater_than_equal"),
        ({"message": "a", "length_penalty": 2.1}, "length_penalty", "less_than_equal"),
        ({"message": "a", "logit_bias": {"1": 101}}, "logit_bias.1", "less_than_equal"),
        ({"message": "a", "tool_choice": "perhaps"}, "tool_choice", "enum"),
        ({"message": "a", "tool_choice": {"function": {}}}, "tool_choice", "missing"),
        ({"message": "a", "response_format": {"type": "xml"}}, "response_format", "enum"),
        ({"message": "a", "response_format": {"type": "json_schema"}}, "response_format", "missing"),
        ({"message": "a", "tools": [{"type": "function"}]}, "tools[0].name", "missing"),
        ({"message": "a", "metadata": 7}, "metadata", "dict_type"),
        ({"message": "a", "on_busy": "wait"}, "on_busy", "enum"),
        ({"message": "a", "save": "perhaps"}, "save", "bool_type"),
    ],
)
def test_bad_fields(api: ApiClient, body: Any, loc: str, kind: str) -> None:
    answer = api.post(f"/sessions/{MISSING}/render", body)
    assert answer.status_code == 422
    assert [(entry["loc"], entry["type"]) for entry in answer.json()["error"]["details"]] == [(loc, kind)]


def test_text_that_is_none(api: ApiClient) -> None:
    answer = api.post(f"/sessions/{MISSING}/render", raw=b'{"message": "\\ud800"}')
    assert (answer.status_code, answer.json()["error"]["details"][0]["type"]) == (422, "json_invalid")


def test_what_is_not_given() -> None:
    request = ChatRequest.read({"message": "hi", "temperature": None, "stream": None, "tools": None, "remember": True})
    assert request == ChatRequest(messages=({"role": "user", "content": "hi"},))
    assert (request.recall, request.recall_tools, request.save, request.stream) == (True, True, True, False)
    assert (request.auto_run_tools, request.model, request.agent, request.on_busy) == (None, None, None, None)


def test_settings_for_the_provider_are_apart() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
    given = {"temperature": 5, "stop": "x", "seed": -1, "logit_bias": {"1": -100}, "response_format": form}
    request = ChatRequest.read({"message": "hi", "model": "m", "unknown": 1, **given})
    assert dict(request.settings) == {**given, "stop": ["x"]}
    assert request.model == "m"


def test_messages_win_over_message() -> None:
    body = {"message": "one", "messages": [{"role": "user", "content": "other"}]}
    assert ChatRequest.read(body).messages[0]["content"] == "other"
