"""Chat completions as others publish them: what is sent on, and the form of answers."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from agents.api.completion_body import CHAT_COMPLETIONS
from agents.llm.own.scripted import scripted_model
from julep_project.core.reading.surface import Fate
from julep_project.devservices.loopback import Reply
from tests.judging import judged
from tests.loopback.model_server import ModelServer, Streamed, failure
from tests.loopback.web_server import WebServer
from tests.responses.completion_bodies import SENT
from tests.responses.conftest import ResponsesClient
from tests.responses.test_answers import calling
from tests.responses.test_openai_api import ASK, chunks_of

PATH = "/v1/chat/completions"
WORD = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1.5, "bytes": [98]}]}
LOGPROBS = {"content": [WORD], "refusal": None}
CITATION = {
    "type": "url_citation",
    "url_citation": {"start_index": 0, "end_index": 1, "title": "Tides", "url": "https://tides.example/"},
}
SOUND = {"id": "audio_1", "data": "aGk=", "expires_at": 1760000000, "transcript": "a"}
_NOTHING_FOUND = {"type": "moderation_results", "model": "omni", "results": []}
MODERATION = {"input": _NOTHING_FOUND, "output": _NOTHING_FOUND}


def with_more(told: Any) -> Any:
    """The same, with a key of the provider's own in each object."""
    if isinstance(told, list):
        return [with_more(one) for one in told]
    if not isinstance(told, dict):
        return told
    as_it_is = {"moderation"}
    return {"own": 1, **{name: part if name in as_it_is else with_more(part) for name, part in told.items()}}


def whole(message: dict[str, Any], **choice: Any) -> Reply:
    """An answer as OpenAI sends it, with all it may say."""
    usage = {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    said = {"role": "assistant", "content": None, "refusal": None, "annotations": [], **message}
    return Reply(
        200,
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1760000000,
            "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "message": said, "finish_reason": "stop", "logprobs": None, **choice, "own": 1}],
            "usage": with_more(usage),
            "moderation": MODERATION,
            "own": 1,
            "service_tier": "default",
            "system_fingerprint": "fp_1",
        },
    )


class TestWhatIsSent:
    def test_all_of_it_is_tried(self) -> None:
        assert set(SENT) == set(CHAT_COMPLETIONS.names(Fate.SENT))

    @pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "o3-mini"])
    def test_it_arrives(self, api: ResponsesClient, model_server: ModelServer, model: str) -> None:
        model_server.script('{"a": 1}', '{"a": 1}')
        given = {name: value for name, value in SENT.items() if name != "max_tokens" or model == "gpt-4o"}
        rules = {**SENT["messages"][0], "role": "developer" if model == "o3-mini" else "system"}
        for stream in (False, True):
            if stream:
                del given["n"]
            answer = api.send("POST", PATH, {**given, "model": model, "stream": stream})
            assert answer.status_code == 200, answer.content
            arrived = {**given, "messages": [rules, *SENT["messages"][1:]]}
            assert {name: model_server.chats[-1].get(name) for name in given} == arrived
            assert bool(model_server.chats[-1].get("stream")) is stream

    @pytest.mark.parametrize("stream", [False, True])
    def test_what_another_model_does_not_take_is_refused_by_name(self, api: ResponsesClient, stream: bool) -> None:
        given = {"seed": 7, "store": True, "verbosity": "low", "min_p": 0.1, "moderation": SENT["moderation"]}
        places = {
            "messages[1].audio": {"role": "assistant", "audio": {"id": "audio_1"}},
            "messages[1].content[0].prompt_cache_breakpoint": SENT["messages"][0],
            "messages[1].content[0].input_audio": {
                "role": "user",
                "content": [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}],
            },
        }
        asked_with = {name: {name: value} for name, value in given.items()} | {
            place: {"messages": [*ASK["messages"], message]} for place, message in places.items()
        }
        for name, fields in asked_with.items():
            asked = {**ASK, "model": "anthropic/claude-haiku-4-5", "stream": stream, **fields}
            answer = api.send("POST", PATH, asked)
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, name), answer.content
            assert answer.json()["error"]["code"] == "unsupported_parameter"

    @pytest.mark.parametrize("name", ["n", "functions", "function_call", "made_up"])
    def test_what_is_not_supported(self, api: ResponsesClient, name: str) -> None:
        with scripted_model([]) as model:
            answer = api.send("POST", PATH, {**ASK, "stream": True, name: 2})
        assert (answer.status_code, answer.json()["error"]["param"], model.requests) == (400, name, [])
        assert name in answer.json()["error"]["message"]

    @pytest.mark.parametrize("name", ["include_obfuscation", "include_usage"])
    def test_what_no_such_answer_has(self, api: ResponsesClient, name: str) -> None:
        asked = {**ASK, "stream": name == "include_obfuscation", "stream_options": {name: True}}
        with scripted_model([]) as model:
            answer = api.send("POST", PATH, asked)
        place = f"stream_options.{name}"
        assert (answer.status_code, answer.json()["error"]["param"], model.requests) == (400, place, [])

    def test_the_tools_that_are_allowed(self, api: ResponsesClient) -> None:
        tools = [{"type": "function", "function": {"name": name}} for name in ("fly", "swim")]
        allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "swim"}}]}
        asked = {**ASK, "tools": tools, "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}
        with scripted_model([calling("swim", "{}")]) as model:
            assert api.send("POST", PATH, asked).status_code == 200
        assert (model.requests[0].tools, model.requests[0].tool_choice) == (tools[1:], "required")
        refused = api.send("POST", PATH, {**asked, "tools": tools[:1]})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tool_choice.allowed_tools.tools")
        assert api.send("POST", PATH, {**ASK, "tool_choice": "required"}).json()["error"]["param"] == "tool_choice"

    def test_a_form_without_a_schema_is_any_json(
        self, api: ResponsesClient, web_server: WebServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_BASE", web_server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-loopback-key")
        told = {"id": "msg_1", "role": "assistant", "model": "claude-haiku-4-5", "stop_reason": "end_turn"}
        said = {"content": [{"type": "text", "text": "{}"}], "usage": {"input_tokens": 1, "output_tokens": 1}}
        web_server.script("/v1/messages", Reply(200, {**told, **said}))
        asked = {**ASK, "response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}
        answer = api.send("POST", PATH, {**asked, "model": "anthropic/claude-haiku-4-5"})
        assert (answer.status_code, len(web_server.requests)) == (200, 1), answer.content

    def test_a_refusal_of_before(self, api: ResponsesClient, model_server: ModelServer) -> None:
        said = {"role": "assistant", "content": None, "refusal": "I can't."}
        asked = {**ASK, "messages": [*ASK["messages"], said, {"role": "user", "content": "Why?"}]}
        assert api.send("POST", PATH, asked).status_code == 200
        assert model_server.chats[-1]["messages"][1]["refusal"] == "I can't."

    def test_the_place_of_a_mistake_is_told_as_the_provider_says(
        self, api: ResponsesClient, model_server: ModelServer
    ) -> None:
        error = {"message": "No such voice", "type": "invalid_request_error", "param": "audio.voice", "code": None}
        model_server.script(Reply(400, {"error": error}), failure(400, "no"))
        told = [api.send("POST", PATH, ASK).json()["error"] for _ in range(2)]
        assert [(one["param"], one["code"]) for one in told] == [
            ("audio.voice", "llm_bad_request"),
            (None, "llm_bad_request"),
        ]


class TestTheForm:
    def test_an_answer_has_all_that_is_published_and_nothing_else(
        self, api: ResponsesClient, model_server: ModelServer
    ) -> None:
        said = {"content": "a", "annotations": [CITATION], "audio": SOUND, **calling("weather", "{}")}
        model_server.script(whole(with_more(said), logprobs=with_more(LOGPROBS)))
        body = api.send("POST", PATH, {**ASK, "logprobs": True, "top_logprobs": 1}).json()
        assert judged(ChatCompletion, body).choices[0].message.tool_calls is not None
        (choice,) = body["choices"]
        assert choice["message"] == {"role": "assistant", "refusal": None, **said}
        assert (choice["logprobs"], choice["finish_reason"]) == (LOGPROBS, "tool_calls")
        assert (body["system_fingerprint"], body["service_tier"]) == ("fp_1", "default")
        assert body["moderation"] == MODERATION
        assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 1

    def test_several_choices(self, api: ResponsesClient) -> None:
        choices = [{"index": place, "message": {"content": text}} for place, text in enumerate("ab")]
        with scripted_model([{"choices": choices}]):
            told = api.send("POST", PATH, {**ASK, "n": 2}).json()["choices"]
        assert [(choice["index"], choice["message"]["content"]) for choice in told] == [(0, "a"), (1, "b")]
        told = api.send("POST", PATH, {**ASK, "model": "offline/echo", "n": 3}).json()["choices"]
        assert [(choice["index"], choice["message"]["content"]) for choice in told] == [(0, "Hi"), (1, "Hi"), (2, "Hi")]

    def test_an_answer_that_its_provider_gave_no_name(self, api: ResponsesClient) -> None:
        nameless = {"choices": [{"index": 0, "message": {"content": "a"}}]}
        with scripted_model([nameless, nameless]):
            told = api.send("POST", PATH, ASK).json()
            chunks = chunks_of(api.send("POST", PATH, {**ASK, "stream": True}))
        (streamed,) = {(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}
        for name, created, model in ((told["id"], told["created"], told["model"]), streamed):
            assert (name[:9], created > 0, model) == ("chatcmpl-", True, "gpt-4o")
        assert told["id"] != streamed[0]

    def test_what_is_not_there_is_null_or_left_out(self, api: ResponsesClient) -> None:
        with scripted_model(["ok"]):
            (choice,) = api.send("POST", PATH, ASK).json()["choices"]
        assert choice == {
            "index": 0,
            "message": {"role": "assistant", "content": "ok", "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }

    def test_chunks(self, api: ResponsesClient, model_server: ModelServer) -> None:
        chunk = {"object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "fp_1", "id": "c"}
        choice = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [WORD]}, "finish_reason": None}
        sent = with_more({**chunk, "moderation": MODERATION, "choices": [choice]})
        model_server.script(Streamed(b"data: " + json.dumps(sent).encode() + b"\n\n"))
        asked = {**ASK, "stream": True, "logprobs": True, "stream_options": {"include_usage": True}}
        told = chunks_of(api.send("POST", PATH, asked))
        assert {judged(ChatCompletionChunk, chunk).system_fingerprint for chunk in told} == {"fp_1"}
        assert told[-1]["moderation"] == MODERATION
        assert told[0]["choices"][0] == {
            "index": 0,
            "delta": {"role": "assistant", "content": "a"},
            "logprobs": LOGPROBS,
            "finish_reason": None,
        }
        assert [chunk["usage"] is None for chunk in told] == [*[True] * (len(told) - 1), False]

        model_server.script(calling("weather", '{"day": 1}'))
        called = [judged(ChatCompletionChunk, chunk) for chunk in chunks_of(api.send("POST", PATH, asked))]
        assert [choice.finish_reason for chunk in called for choice in chunk.choices][-1] == "tool_calls"

    def test_a_refusal(self, api: ResponsesClient, model_server: ModelServer) -> None:
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        asked = {**ASK, "response_format": form}
        model_server.script(whole({"refusal": "I can't."}), {"refusal": "I can't."})
        body = api.send("POST", PATH, asked).json()
        assert judged(ChatCompletion, body).choices[0].message.refusal == "I can't."
        (choice,) = body["choices"]
        assert (choice["message"]["content"], choice["message"]["refusal"]) == (None, "I can't.")

        told = chunks_of(api.send("POST", PATH, {**asked, "stream": True}))
        deltas = [choice["delta"] for chunk in told for choice in chunk["choices"]]
        assert "".join(delta.get("refusal") or "" for delta in deltas).strip() == "I can't."
        assert not any(delta.get("content") for delta in deltas)


class TestMistakes:
    @pytest.mark.parametrize(
        ("message", "place"),
        [
            ({"role": "user", "content": [{"type": "image_url"}]}, ".content[0].image_url"),
            ({"role": "user", "content": [{}]}, ".content[0].type"),
            ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "hologram"}]}, ".content[1].type"),
            ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, ".content[0].input_audio.data"),
            ({"role": "user", "content": [{"type": "file", "file": {"filename": "a"}}]}, ".content[0].file"),
            ({"role": "user", "content": []}, ".content"),
            ({"role": "user"}, ".content"),
            ({"role": "tool", "content": "x"}, ".tool_call_id"),
            ({"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]}, ".tool_calls[0].type"),
            ({"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}, ".tool_calls[0].function.name"),
        ],
        ids=str,
    )
    def test_of_messages(self, api: ResponsesClient, message: Any, place: str) -> None:
        answer = api.send("POST", PATH, {**ASK, "messages": [message]})
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, f"messages[0]{place}"), answer.content

    @pytest.mark.parametrize(
        ("tool", "place"),
        [
            ({"type": "function", "function": {"name": "x", "parameters": {"required": [{}]}}}, ".function.parameters"),
            ({"type": "function", "function": {"name": "x", "parameters": {"type": 5}}}, ".function.parameters"),
            ({"type": "function", "function": {}}, ".function.name"),
            ({"type": "custom", "custom": {"name": "x"}}, ".type"),
            ({}, ".type"),
        ],
        ids=str,
    )
    def test_of_tools(self, api: ResponsesClient, tool: Any, place: str) -> None:
        answer = api.send("POST", PATH, {**ASK, "tools": [tool]})
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, f"tools[0]{place}"), answer.content

    def test_a_model_that_nobody_has(self, api: ResponsesClient) -> None:
        for path, body in ((PATH, ASK), ("/v1/embeddings", {"input": "a"})):
            answer = api.send("POST", path, {**body, "model": "gtp-4o-mini"})
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, "model")
            assert error["message"] == (
                "No provider is known to have a model called 'gtp-4o-mini'. Did you mean 'gpt-4o-mini'?"
            )

    def test_a_server_whose_address_nobody_gave(self, api: ResponsesClient, monkeypatch: pytest.MonkeyPatch) -> None:
        """The client library would ask OpenAI what was meant for it."""
        monkeypatch.delenv("HOSTED_VLLM_API_BASE", raising=False)
        for path, body in ((PATH, ASK), ("/v1/embeddings", {"input": "a"})):
            answer = api.send("POST", path, {**body, "model": "hosted_vllm/qwen"})
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, "model")
            assert "HOSTED_VLLM_API_BASE" in error["message"]

    def test_errors_below_v1_have_their_form(self, api: ResponsesClient) -> None:
        for method, path in (("POST", PATH), ("POST", "/v1/nothing"), ("POST", "/v1/models"), ("GET", "/v1/models/x")):
            error = api.send(method, path, {}).json()["error"]
            assert error.keys() >= {"message", "type", "param", "code"}

    @pytest.mark.parametrize(
        ("path", "allowed"), [(PATH, "POST"), ("/v1/models", "GET"), ("/responses/x", "GET, DELETE")]
    )
    def test_a_method_that_is_not_allowed(self, api: ResponsesClient, path: str, allowed: str) -> None:
        answer = api.send("PATCH", path, {})
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
