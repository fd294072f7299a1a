"""Bodies of chats. They are checked before the session is looked for."""

import asyncio
from typing import Any

import pytest

from sessions.context.chat_request import ChatRequest
from sessions.context.messages import MessageBody
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
        ({"message": "a", "logit_bias": {str(token): 1 for token in range(1025)}}, "logit_bias", "too_long"),
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


@pytest.mark.parametrize("path", ["render", "chat"])
def test_more_than_is_checked_in_a_moment(api: ApiClient, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = {"name": "f", "type": "function"}
    answer = api.post(f"/sessions/{MISSING}/{path}", {"message": "a", "tools": [tool] * 501})
    (detail,) = answer.json()["error"]["details"]
    assert (answer.status_code, detail["loc"], detail["type"]) == (422, "tools", "too_long")
    read: list[Any] = []
    monkeypatch.setattr(MessageBody, "to_internal_value", lambda self, data: read.append(data))
    message = {"role": "user", "content": "a"}
    part = {"type": "text", "text": "a"}
    for body, loc, kind in (
        ({"messages": [message] * 5001}, "messages", "too_long"),
        ({"messages": [{"role": "user", "content": [part] * 10_001}]}, "messages", "value_error"),
        ({"messages": [{"role": "user", "content": [part] * 3000}] * 4}, "messages", "value_error"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}] * 10_001}]}, "messages", "value_error"),
    ):
        answer = api.post(f"/sessions/{MISSING}/{path}", body)
        assert answer.status_code == 422
        (detail,) = answer.json()["error"]["details"]
        assert (detail["loc"], detail["type"]) == (loc, kind)
        assert len(detail["received"]) < 200
    # None of the messages was looked into.
    assert read == []


def test_only_some_of_very_many_mistakes_are_told(api: ApiClient) -> None:
    answer = api.post(f"/sessions/{MISSING}/render", {"messages": [{"role": "robot"}] * 1000})
    assert answer.status_code == 422
    details = answer.json()["error"]["details"]
    assert [detail["loc"] for detail in details] == [f"messages[{number}].role" for number in range(100)]


@pytest.mark.parametrize("path", ["render", "chat"])
@pytest.mark.parametrize(("characters", "on_the_loop"), [(1, True), (70_000, False)])
def test_large_bodies_are_read_beside_the_event_loop(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch, path: str, characters: int, on_the_loop: bool
) -> None:
    read_there: list[bool] = []
    read = ChatRequest.read

    def noting(body: Any) -> ChatRequest:
        read_there.append(_is_on_a_loop())
        return read(body)

    monkeypatch.setattr(ChatRequest, "read", noting)
    answer = api.post(f"/sessions/{MISSING}/{path}", {"message": "a" * characters})
    assert (answer.status_code, read_there) == (404, [on_the_loop])


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


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
