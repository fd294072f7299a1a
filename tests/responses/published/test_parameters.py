"""Every parameter of the published schema is sent on, honoured or refused; and what is told of an answer is what was
asked for."""

from typing import Any

import openai.types.responses as types
import pytest
from cryptography.fernet import Fernet
from openai.types.responses.response_input_item_param import FunctionCallOutput, ItemReference

from agents.llm.own.scripted import scripted_model
from julep_project.core.reading.surface import Fate
from sessions.responses.wire.items import _ITEMS, _PARTS, _SAID
from sessions.responses.wire.keys import Keys
from sessions.responses.wire.parameters import RESPONSES
from sessions.responses.wire.tools import _KEYS
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.streaming import event
from tests.responses.conftest import ResponsesClient, events_of, text_of
from tests.responses.test_answers import WEATHER
from tests.responses.test_streams import kinds

TOLD = [
    {"token": "It", "logprob": -0.5, "bytes": [73, 116], "top_logprobs": [{"token": "It", "logprob": -0.5}]},
    {"token": " is", "logprob": -0.25, "bytes": None, "top_logprobs": []},
]
# What is sent under another name, or not alone.
SENT: dict[str, tuple[Any, dict[str, Any]]] = {
    "frequency_penalty": (0.5, {}),
    "logit_bias": ({"5": 1}, {}),
    "max_output_tokens": (50, {"max_tokens": 50}),
    "max_tokens": (50, {}),
    "parallel_tool_calls": (False, {}),
    "presence_penalty": (-0.5, {}),
    "prompt_cache_key": ("k", {}),
    "prompt_cache_options": ({"mode": "implicit"}, {}),
    "prompt_cache_retention": ("24h", {}),
    "reasoning": ({"effort": "low"}, {"reasoning_effort": "low"}),
    "safety_identifier": ("s", {}),
    "service_tier": ("flex", {}),
    "stop": (["END"], {}),
    "temperature": (0.5, {}),
    "text": ({"format": {"type": "json_object"}, "verbosity": "low"}, {"verbosity": "low"}),
    "tool_choice": ("required", {}),
    "tools": ([WEATHER], {}),
    "top_logprobs": (2, {"top_logprobs": 2, "logprobs": True}),
    "top_p": (0.5, {}),
    "user": ("u", {}),
}


# Open Responses, of 2026-04-24: what a request may have.
OPEN = {
    "background", "frequency_penalty", "include", "input", "instructions", "max_output_tokens", "max_tool_calls",
    "metadata", "model", "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt_cache_key",
    "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text",
    "tool_choice", "tools", "top_logprobs", "top_p", "truncation",
}  # fmt: skip


# Objects within requests, and the published types of them.
WITHIN: dict[str, tuple[Any, Keys]] = {
    **{kind.__name__: (kind, _ITEMS[name].keys) for name, kind in {
        "compaction": types.ResponseCompactionItemParamParam,
        "custom_tool_call": types.ResponseCustomToolCallParam,
        "custom_tool_call_output": types.ResponseCustomToolCallOutputParam,
        "file_search_call": types.ResponseFileSearchToolCallParam,
        "function_call": types.ResponseFunctionToolCallParam,
        "function_call_output": FunctionCallOutput,
        "item_reference": ItemReference,
        "message": types.ResponseOutputMessageParam,
        "reasoning": types.ResponseReasoningItemParam,
        "web_search_call": types.ResponseFunctionWebSearchParam,
    }.items()},
    **{kind.__name__: (kind, {**_PARTS, **_SAID}[name].keys) for name, kind in {
        "input_file": types.ResponseInputFileParam,
        "input_image": types.ResponseInputImageParam,
        "input_text": types.ResponseInputTextParam,
        "output_text": types.ResponseOutputTextParam,
        "refusal": types.ResponseOutputRefusalParam,
    }.items()},
    **{kind.__name__: (kind, _KEYS[name]) for name, kind in {
        "custom": types.CustomToolParam,
        "file_search": types.FileSearchToolParam,
        "function": types.FunctionToolParam,
        "web_search": types.WebSearchToolParam,
    }.items()},
    "WebSearchPreviewToolParam": (types.WebSearchPreviewToolParam, _KEYS["web_search"]),
    "EasyInputMessageParam": (types.EasyInputMessageParam, _ITEMS["message"].keys),
}  # fmt: skip


@pytest.mark.parametrize("within", WITHIN)
def test_what_is_published_within_a_parameter_is_read_or_refused_by_name(within: str) -> None:
    published, known = WITHIN[within]
    assert set(published.__annotations__) - known.read == set(known.refused) & set(published.__annotations__)


@pytest.mark.parametrize(("given", "is_taken"), [(False, True), (None, True), (0, False), (True, False)])
def test_of_what_is_refused_only_what_asks_for_nothing_is_taken(
    api: ResponsesClient, given: Any, is_taken: bool
) -> None:
    with scripted_model(["Hello"]):
        asked = {"model": "gpt-4o", "input": "Hi", "tools": [{**WEATHER, "defer_loading": given}]}
        answer = api.send("POST", "/v1/responses", asked)
    error = answer.json().get("error") or {}
    wanted = (200, None) if is_taken else (400, "tools[0].defer_loading")
    assert (answer.status_code, error.get("param")) == wanted


def test_nothing_of_open_responses_is_refused() -> None:
    assert set(RESPONSES.names(Fate.SENT, Fate.HONOURED)) >= OPEN


def test_what_is_said_to_be_sent_arrives(api: ResponsesClient, model_server: ModelServer) -> None:
    assert set(SENT) == set(RESPONSES.names(Fate.SENT))
    model_server.script('{"n": 1}')
    api.create(**{name: value for name, (value, _) in SENT.items() if name != "max_tokens"})
    sent = model_server.chats[-1]
    for name, (value, as_sent) in SENT.items():
        for part, wanted in (as_sent or ({name: value} if name != "tools" else {})).items():
            assert sent.get(part) == wanted, part
    assert (sent["tools"][0]["function"]["name"], sent["response_format"]) == ("weather", {"type": "json_object"})


def test_what_was_not_given_is_not_sent(api: ResponsesClient, model_server: ModelServer) -> None:
    model_server.script("Hello.")
    api.create(tools=[WEATHER])
    assert set(model_server.chats[-1]) <= {"model", "messages", "tools", "tool_choice"}


def test_a_setting_that_the_model_does_not_take_is_named_as_in_the_request(api: ResponsesClient) -> None:
    asked = {"model": "anthropic/claude-3-haiku-20240307", "input": "Hi", "text": {"verbosity": "low"}}
    answer = api.send("POST", "/v1/responses", asked)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "text.verbosity")


class TestLogprobs:
    def answer(self, **fields: Any) -> dict[str, Any]:
        choice = {"index": 0, "message": {"role": "assistant", "content": "It is"}, "finish_reason": "stop", **fields}
        return {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}

    @pytest.mark.parametrize(
        "asked", [{"top_logprobs": 1}, {"include": ["message.output_text.logprobs"]}], ids=["count", "include"]
    )
    def test_they_are_told_where_they_were_asked_for(self, api: ResponsesClient, asked: dict[str, Any]) -> None:
        with scripted_model([self.answer(logprobs={"content": TOLD})]) as model:
            body = api.create(**asked)
        assert model.requests[0].settings["logprobs"] is True
        [told] = body["output"][0]["content"]
        assert [(each["token"], each["logprob"], each["bytes"]) for each in told["logprobs"]] == [
            ("It", -0.5, [73, 116]),
            (" is", -0.25, [32, 105, 115]),
        ]
        assert told["logprobs"][0]["top_logprobs"][0]["bytes"] == [73, 116]
        assert api.get(body["id"]).json() == body
        again = [each for each in events_of(api.get(body["id"], "?stream=true")) if "logprobs" in each]
        assert [each["logprobs"] for each in again] == [told["logprobs"]] * 2

    def test_in_a_stream_with_the_words_they_are_of(self, api: ResponsesClient, model_server: ModelServer) -> None:
        choices = [
            {"index": 0, "delta": {"content": word}, "logprobs": {"content": [told]}, "finish_reason": None}
            for word, told in zip(("It", " is"), TOLD, strict=True)
        ]
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        model_server.script(Streamed(*(event({**head, "choices": [choice]}) for choice in choices)))
        events = api.stream(top_logprobs=1)
        told = [each for each in events if each["type"].endswith("output_text.delta")]
        assert [(each["delta"], [one["token"] for one in each["logprobs"]]) for each in told] == [
            ("It", ["It"]),
            (" is", [" is"]),
        ]
        body = events[-1]["response"]
        assert [each["token"] for each in body["output"][0]["content"][0]["logprobs"]] == ["It", " is"]
        assert events_of(api.get(body["id"], "?stream=true")) == events

    def test_nobody_gets_what_nobody_asked_for(self, api: ResponsesClient) -> None:
        with scripted_model([self.answer(logprobs={"content": TOLD})]):
            body = api.create()
        assert body["output"][0]["content"][0]["logprobs"] == []


class TestReasoning:
    THOUGHT = {"content": "Yes", "reasoning_content": "Hm, well."}

    def test_a_summary(self, api: ResponsesClient) -> None:
        with scripted_model([self.THOUGHT]):
            body = api.create(reasoning={"summary": "auto"})
        thought, said = body["output"]
        assert thought["summary"] == [{"type": "summary_text", "text": "Hm, well."}]
        assert "content" not in thought and text_of(body) == "Yes"
        assert kinds(events_of(api.get(body["id"], "?stream=true")))[2:8] == [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
        ]

    def test_thoughts_come_back_to_the_model_that_had_them(self, api: ResponsesClient, settings: Any) -> None:
        settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
        blocks = [{"type": "thinking", "thinking": "Hm, well.", "signature": "signed"}]
        with scripted_model([{**self.THOUGHT, "thinking_blocks": blocks}, "Two", "Three", "Four"]) as model:
            body = api.create(include=["reasoning.encrypted_content"], store=False)
            thought = body["output"][0]
            assert "signed" not in thought["encrypted_content"]
            items = [{"role": "user", "content": "Hi"}, *body["output"], {"role": "user", "content": "And?"}]
            api.create(input=items, store=False)
            api.create(input=items, model="gpt-4.1", store=False)
            broken = {**thought, "encrypted_content": thought["encrypted_content"][:-8] + "AAAAAAA="}
            status, error = api.refuse(input=[broken, *items])
        assert model.requests[1].messages[1]["thinking_blocks"] == blocks
        assert "thinking_blocks" not in model.requests[2].messages[1]
        assert (status, "was not made here" in error["message"]) == (400, True)
