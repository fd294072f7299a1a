"""What a model calls, and how the results come back to it."""

import json
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from sessions.responses.answering import run
from sessions.responses.models import StoredResponse
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.web_server import WebServer
from tests.responses.conftest import ResponsesClient, events_of, text_of
from tests.responses.test_answers import WEATHER, calling
from tests.responses.test_requests import CUSTOM
from tests.responses.test_searches import WEB
from tests.responses.test_streams import kinds

IMAGE = "data:image/png;base64,AA=="
UNKNOWN = calling("fly", '{"to": "Rome"}')


@pytest.mark.parametrize("stream", [False, True])
def test_an_id_that_was_used_in_an_earlier_response_is_another(api: ResponsesClient, stream: bool) -> None:
    again = calling("weather", "{}", "call_1")
    ids: list[str] = []
    with scripted_model([again, again, "Sunny."]) as model:
        before: dict[str, Any] = {}
        for _ in range(2):
            asked = {"tools": [WEATHER], **before}
            body = api.stream(**asked)[-1]["response"] if stream else api.create(**asked)
            ids += [item["call_id"] for item in body["output"]]
            result = {"type": "function_call_output", "call_id": ids[-1], "output": f"sun {len(ids)}"}
            before = {"input": [result], "previous_response_id": body["id"]}
        api.create(tools=[WEATHER], **before)
    assert ids[0] == "call_1" != ids[1]
    results = [message for message in model.requests[-1].messages if message["role"] == "tool"]
    assert [(one["tool_call_id"], one["content"]) for one in results] == [(ids[0], "sun 1"), (ids[1], "sun 2")]


class TestUnknownTools:
    def test_the_model_is_told(self, api: ResponsesClient) -> None:
        with scripted_model([UNKNOWN, "I cannot fly."]) as model:
            body = api.create(tools=[WEATHER])
        assert [item["type"] for item in body["output"]] == ["message"]
        assert text_of(body) == "I cannot fly."
        called, told = model.requests[1].messages[1:]
        assert called["tool_calls"][0]["function"]["name"] == "fly"
        assert told["content"] == "error: there is no tool 'fly'; the tools are: weather"

    def test_in_a_stream_the_call_is_not_told(self, api: ResponsesClient) -> None:
        with scripted_model([UNKNOWN, "No."]):
            events = api.stream(tools=[WEATHER])
        assert kinds(events).count("output_item.added") == 1
        assert not any("function_call" in kind for kind in kinds(events))
        assert text_of(events[-1]["response"]) == "No."

    def test_one_beside_a_known_one(self, api: ResponsesClient) -> None:
        both = {"tool_calls": [*UNKNOWN["tool_calls"], *calling("weather", "{}", "call_2")["tool_calls"]]}
        with scripted_model([both, "Sunny."]) as model:
            first = api.create(tools=[WEATHER])
            result = {"type": "function_call_output", "call_id": "call_2", "output": "sun"}
            second = api.create(input=[result], previous_response_id=first["id"], tools=[WEATHER])
        assert [item["name"] for item in first["output"]] == ["weather"]
        assert text_of(second) == "Sunny."
        assert [call["id"] for call in model.requests[1].messages[1]["tool_calls"]] == ["call_2"]

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_model_that_insists_fails(self, api: ResponsesClient, stream: bool) -> None:
        with scripted_model([UNKNOWN] * run.MOST_QUESTIONS):
            if stream:
                error = api.stream(tools=[WEATHER])[-1]["response"]["error"]
                assert error["code"] == "server_error"
            else:
                status, error = api.refuse(tools=[WEATHER])
                assert (status, error["code"]) == (502, "too_many_tool_rounds")
        row = StoredResponse.objects.get()
        assert (row.status, row.body["output"]) == ("failed", [])


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_model_says_to_refuse(api: ResponsesClient, model_server: ModelServer, stream: bool) -> None:
    """It is told apart from text, kept, and told to the model again."""
    refused = Streamed({"refusal": "I "}, {"refusal": "cannot"}) if stream else {"refusal": "I cannot"}
    model_server.script(refused, "Well.")
    events = api.stream() if stream else []
    body = events[-1]["response"] if stream else api.create()
    [item] = body["output"]
    assert (body["status"], item["content"]) == ("completed", [{"type": "refusal", "refusal": "I cannot"}])
    again = events_of(api.get(body["id"], "?stream=true"))
    about = [event for event in again if "refusal." in event["type"]]
    told = [(event["type"], event.get("delta") or event.get("refusal")) for event in about]
    deltas = ["I ", "cannot"] if stream else ["I cannot"]
    assert told == [*(("response.refusal.delta", delta) for delta in deltas), ("response.refusal.done", "I cannot")]
    assert not stream or again == events
    assert text_of(api.create(input="Please.", previous_response_id=body["id"])) == "Well."
    assert model_server.chats[-1]["messages"][1]["refusal"] == "I cannot"


@pytest.mark.parametrize("given", [{}, {"id": ""}, {"id": "c1"}])
def test_calls_that_cannot_be_told_apart_get_ids(api: ResponsesClient, given: dict[str, str]) -> None:
    made = [{"type": "function", "function": {"name": "weather", "arguments": "{}"}, **given}] * 2
    with scripted_model([{"tool_calls": made}, "Sunny."]):
        first = api.create(tools=[WEATHER])
        ids = [item["call_id"] for item in first["output"]]
        results = [{"type": "function_call_output", "call_id": id_, "output": "sun"} for id_ in ids]
        second = api.create(input=results, previous_response_id=first["id"], tools=[WEATHER])
    assert len(set(ids)) == 2
    assert text_of(second) == "Sunny."


@pytest.mark.parametrize("arguments", ['{"city": "Ro', "Rome", "[1]"])
def test_arguments_that_are_no_object_are_the_clients_business(api: ResponsesClient, arguments: str) -> None:
    with scripted_model([calling("weather", arguments), "Which city?"]) as model:
        first = api.create(tools=[WEATHER])
        result = {"type": "function_call_output", "call_id": "call_1", "output": "error: not JSON"}
        second = api.create(input=[result], previous_response_id=first["id"], tools=[WEATHER])
    assert (first["status"], first["output"][0]["arguments"]) == ("completed", arguments)
    assert text_of(second) == "Which city?"
    assert model.requests[1].messages[1]["tool_calls"][0]["function"]["arguments"] == arguments


def test_a_call_for_the_client_beside_two_searches(api: ResponsesClient, web: WebServer) -> None:
    """The scripted model refuses prompts whose results do not follow their calls, as providers do."""
    searches = [calling("web_search", json.dumps({"query": word}), f"s_{word}") for word in ("tides", "moon")]
    calls = [call for said in (calling("weather", "{}"), *searches) for call in said["tool_calls"]]
    with scripted_model([{"tool_calls": calls}, "Sunny at noon."]) as model:
        first = api.create(tools=[WEB, WEATHER])
        result = {"type": "function_call_output", "call_id": "call_1", "output": "sun"}
        second = api.create(input=[result], previous_response_id=first["id"], tools=[WEB, WEATHER])
    assert text_of(second) == "Sunny at noon."
    assert [message["role"] for message in model.requests[1].messages] == ["user", "assistant", "tool", "tool", "tool"]


def test_pictures_and_files_in_results(api: ResponsesClient) -> None:
    output = [{"type": "input_text", "text": "Look:"}, {"type": "input_image", "image_url": IMAGE}]
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": output}
    with scripted_model(["A dot."]) as model:
        api.create(input=[{"role": "user", "content": "?"}, call, result])
    assert model.requests[0].messages[-1]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": IMAGE, "detail": "auto"}},
    ]


def test_a_tool_that_takes_a_text(api: ResponsesClient) -> None:
    with scripted_model([calling("note", '{"input": "four"}'), "Noted."]) as model:
        first = api.create(tools=[CUSTOM])
        [call] = first["output"]
        assert (call["type"], call["name"], call["input"]) == ("custom_tool_call", "note", "four")
        result = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "done"}
        api.create(tools=[CUSTOM], previous_response_id=first["id"], input=[result])
    said = model.requests[1].messages
    assert said[1]["tool_calls"][0]["function"] == {"name": "note", "arguments": '{"input":"four"}'}
    assert said[2] == {"role": "tool", "tool_call_id": "call_1", "content": "done"}
