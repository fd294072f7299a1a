"""The OpenAI API passed through: chat completions, embeddings, models."""

import base64
import json
import struct
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse, Model

from agents.api.completion_messages import CompletionMessage
from agents.llm.keys.key_names import ALL_KEY_NAMES
from agents.llm.keys.stored import forget_keys
from agents.llm.own.scripted import scripted_model
from agents.models import ModelUsage
from julep_project.core.errors import ModelUnavailable
from tests.judging import judged
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.vectors import answer_of, vector
from tests.responses.conftest import ResponsesClient
from tests.responses.test_answers import calling

LOOPS = [
    {"not": {"$ref": "#"}},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "allOf": [{"$ref": "#/$defs/a"}]},
]
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}


def chunks_of(answer: Any) -> list[Any]:
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "text/event-stream"
    blocks = answer.told.removesuffix("\n\n").split("\n\n")
    assert blocks[-1] == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-1]]


class TestChat:
    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/api/v1/chat/completions"])
    def test_an_answer(self, api: ResponsesClient, path: str) -> None:
        with scripted_model(["Hello there"]) as model:
            body = api.send("POST", path, {**ASK, "temperature": 0.5}).json()
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["message"]["content"] == "Hello there"
        assert "content" not in body["choices"][0]
        assert model.requests[0].settings == {"temperature": 0.5}
        assert ModelUsage.objects.get().metadata["endpoint"] == "chat/completions"

    def test_a_stream(self, api: ResponsesClient) -> None:
        with scripted_model(["Hello there", "Hello"]):
            chunks = chunks_of(api.send("POST", "/v1/chat/completions", {**ASK, "stream": True}))
            options = {"stream": True, "stream_options": {"include_usage": True}}
            counted = chunks_of(api.send("POST", "/v1/chat/completions", {**ASK, **options}))
        said = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
        assert "".join(said) == "Hello there"
        assert not any("usage" in chunk for chunk in chunks)
        assert all(chunk["choices"] for chunk in chunks)
        assert counted[-1]["usage"]["total_tokens"] > 0
        assert ModelUsage.objects.count() == 2

    def test_tools(self, api: ResponsesClient) -> None:
        tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
        with scripted_model([calling("weather", "{}")]) as model:
            body = api.send("POST", "/v1/chat/completions", {**ASK, "tools": [tool], "tool_choice": "required"}).json()
        assert body["choices"][0]["finish_reason"] == "tool_calls"
        assert (model.requests[0].tools, model.requests[0].tool_choice) == ([tool], "required")

    def test_what_was_checked_is_what_is_passed_on(self, api: ResponsesClient) -> None:
        given = {"temperature": "0.5", "stop": "END", "logprobs": True, "top_logprobs": 2, "reasoning_effort": "low"}
        with scripted_model(["ok"]) as model:
            assert api.send("POST", "/v1/chat/completions", {**ASK, **given, "seed": None}).status_code == 200
        assert model.requests[0].settings == {**given, "temperature": 0.5, "stop": ["END"]}

    @pytest.mark.parametrize("schema", [*LOOPS, {"required": [{}]}, {"properties": {"a": {"type": 5}}}], ids=str)
    @pytest.mark.parametrize("stream", [True, False])
    def test_a_schema_that_cannot_be_used(self, api: ResponsesClient, schema: Any, stream: bool) -> None:
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        function = {"type": "function", "function": {"name": "x", "parameters": schema}}
        given = {
            "response_format.json_schema.schema": {"response_format": wanted},
            "tools[0].function.parameters": {"tools": [function]},
        }
        for loc, fields in given.items():
            with scripted_model(["ok"]) as model:
                answer = api.send("POST", "/v1/chat/completions", {**ASK, **fields, "stream": stream})
            assert answer.status_code == 422
            error = answer.json()["error"]
            (detail,) = error["details"]
            # All that newer clients show.
            assert (error["message"], error["type"]) == (f"{loc}: {detail['msg']}", "validation_error")
            assert (detail["loc"], error["param"]) == (loc, loc)
            assert detail["msg"].startswith("The schema cannot be used: ")
            assert model.requests == []

    @pytest.mark.parametrize(
        "wanted",
        [{}, {"type": "xml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {"schema": "x"}}, "json"],
        ids=str,
    )
    def test_a_form_that_is_none(self, api: ResponsesClient, wanted: Any) -> None:
        answer = api.send("POST", "/v1/chat/completions", {**ASK, "response_format": wanted})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_error")

    @pytest.mark.parametrize("kind", ["text", "json_object", "json_schema"])
    def test_a_form(self, api: ResponsesClient, kind: str) -> None:
        wanted: dict[str, Any] = {"type": kind}
        if kind == "json_schema":
            node = {"type": "object", "properties": {"next": {"$ref": "#"}}}
            wanted["json_schema"] = {"name": "x", "schema": node, "strict": True}
        with scripted_model(["{}"]) as model:
            assert api.send("POST", "/v1/chat/completions", {**ASK, "response_format": wanted}).status_code == 200
        assert model.requests[0].settings == {"response_format": wanted}

    def test_a_model_that_is_not_listed(self, api: ResponsesClient, settings: Any) -> None:
        settings.MODELS = ["gpt-4o"]
        for path, body in (("/v1/chat/completions", ASK), ("/v1/responses", {"input": "Hi"})):
            with scripted_model(["ok"]):
                assert api.send("POST", path, {**body, "model": "gpt-4o"}).status_code == 200
            answer = api.send("POST", path, {**body, "model": "gpt-5"})
            assert (answer.status_code, answer.json()["error"]["message"][:24]) == (400, "Model gpt-5 not availabl")

    def test_the_callers_own_key(self, api: ResponsesClient, model_server: ModelServer) -> None:
        api.send("POST", "/v1/chat/completions", ASK, **{"X-Custom-Api-Key": "sk-own"})
        assert model_server.requests[0].headers["authorization"] == "Bearer sk-own"
        assert ModelUsage.objects.get().custom_api_used

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_refusal_has_its_status_even_when_streamed(self, api: ResponsesClient, stream: bool) -> None:
        with scripted_model([ModelUnavailable("overloaded")]):
            answer = api.send("POST", "/v1/chat/completions", {**ASK, "stream": stream})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "llm_api_error")

    def test_an_answer_that_breaks_off_ends_with_an_error(
        self, api: ResponsesClient, model_server: ModelServer
    ) -> None:
        model_server.script(Streamed("Once", cut=True))
        chunks = chunks_of(api.send("POST", "/v1/chat/completions", {**ASK, "stream": True}))
        assert chunks[-1]["error"]["code"] == "llm_api_error"

    @pytest.mark.parametrize(
        ("fields", "loc"),
        [
            ({"messages": []}, "messages"),
            ({"messages": None}, "messages"),
            ({"messages": ["Hi"]}, "messages[0]"),
            ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
            ({"temperature": "hot"}, "temperature"),
            ({"temperature": "nan"}, "temperature"),
            ({"min_p": "inf"}, "min_p"),
            ({"logit_bias": {"5": "nan"}}, "logit_bias.5"),
            ({"logit_bias": {str(token): 1 for token in range(1025)}}, "logit_bias"),
            ({"tools": {}}, "tools"),
            ({"messages": [{"role": "user", "content": "x"}] * 5001}, "messages"),
            ({"tools": [{}] * 501}, "tools"),
            ({"tool_choice": 5}, "tool_choice"),
            ({"tool_choice": {"type": "function", "function": "x"}}, "tool_choice"),
            ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
            ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content"),
            ({"messages": [{"role": "assistant", "tool_calls": ["x"]}]}, "messages[0].tool_calls[0]"),
            (
                {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": 5}]}]},
                "messages[0].tool_calls[0].function",
            ),
        ],
    )
    def test_what_is_refused(self, api: ResponsesClient, fields: dict[str, Any], loc: str) -> None:
        answer = api.send("POST", "/v1/chat/completions", {**ASK, **fields})
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["loc"].startswith(loc)

    def test_messages_are_read_until_enough_are_wrong(
        self, api: ResponsesClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[Any] = []
        as_it_was = CompletionMessage.run_validation
        monkeypatch.setattr(
            CompletionMessage, "run_validation", lambda field, data: read.append(data) or as_it_was(field, data)
        )
        messages = [{"role": "assistant", "tool_calls": ["x"]}] * 1000
        answer = api.send("POST", "/v1/chat/completions", {**ASK, "messages": messages})
        assert len(answer.json()["error"]["details"]) == len(read) == 100


class TestEmbeddings:
    def test_vectors(self, api: ResponsesClient) -> None:
        body = api.send("POST", "/v1/embeddings", {"model": "offline/hashing", "input": ["a tide", "b"]}).json()
        assert judged(CreateEmbeddingResponse, body).model == "offline/hashing"
        assert [(row["object"], row["index"], len(row["embedding"])) for row in body["data"]] == [
            ("embedding", 0, 1024),
            ("embedding", 1, 1024),
        ]
        assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] > 0
        assert ModelUsage.objects.get().metadata["endpoint"] == "embeddings"

    def test_base64(self, api: ResponsesClient) -> None:
        asked = {"model": "offline/hashing", "input": "a tide"}
        plain = api.send("POST", "/embeddings", asked).json()["data"][0]["embedding"]
        coded = api.send("POST", "/embeddings", {**asked, "encoding_format": "base64"}).json()["data"][0]["embedding"]
        numbers = struct.unpack("<1024f", base64.b64decode(coded))
        assert numbers == pytest.approx(plain)

    def test_tokens_in_place_of_texts(self, api: ResponsesClient, model_server: ModelServer) -> None:
        """Those of "a tide" and "tide", as clients of OpenAI count them."""
        asked = {"model": "offline/hashing"}
        texts = api.send("POST", "/v1/embeddings", {**asked, "input": ["a tide", " tide"]}).json()["data"]
        tokens = api.send("POST", "/v1/embeddings", {**asked, "input": [[64, 43038], [43038]]}).json()["data"]
        assert tokens == texts
        assert api.send("POST", "/v1/embeddings", {**asked, "input": [64, 43038]}).json()["data"] == texts[:1]
        unknown = api.send("POST", "/v1/embeddings", {**asked, "input": [[64], [10**6]]})
        assert (unknown.status_code, unknown.json()["error"]["param"]) == (422, "input[1]")

        sent = {"model": "text-embedding-3-small", "input": [[64, 43038], [43038]], "user": "ada", "dimensions": 8}
        assert api.send("POST", "/v1/embeddings", sent).status_code == 200
        assert {name: model_server.embeddings[-1].get(name) for name in sent} == sent

    def test_vectors_of_another_length(self, api: ResponsesClient, model_server: ModelServer) -> None:
        model_server.script_embeddings(answer_of([vector("a", 8)]))
        for model in ("offline/hashing", "text-embedding-3-small"):
            answer = api.send("POST", "/v1/embeddings", {"model": model, "input": "a", "dimensions": 7})
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, "dimensions")

    @pytest.mark.parametrize("given", [[], "", ["a", ""], 3, [1, "a"], [[1], "a"], [[]], [-1], [True]])
    def test_what_is_refused(self, api: ResponsesClient, given: Any) -> None:
        answer = api.send("POST", "/v1/embeddings", {"model": "offline/hashing", "input": given})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_error")
        assert answer.json()["error"]["param"].startswith("input")

    def test_no_input(self, api: ResponsesClient) -> None:
        assert api.send("POST", "/v1/embeddings", {"model": "offline/hashing"}).status_code == 422


class TestModels:
    @pytest.mark.parametrize("path", ["/v1/models", "/models", "/api/v1/models"])
    def test_the_list(self, api: ResponsesClient, path: str) -> None:
        body = api.send("GET", path).json()
        assert body["object"] == "list"
        assert [judged(Model, row).id for row in body["data"]] == [row["id"] for row in body["data"]]
        assert {"id": "offline/echo", "object": "model", "created": 0, "owned_by": "offline"} in body["data"]

    def test_one(self, api: ResponsesClient) -> None:
        assert api.send("GET", "/v1/models/offline/echo").json()["id"] == "offline/echo"
        missing = api.send("GET", "/v1/models/offline/eco")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "http_404")
        assert "Did you mean 'offline/echo'?" in missing.json()["error"]["message"]

    def test_what_the_callers_own_keys_are_for(
        self, api: ResponsesClient, settings: Any, monkeypatch: pytest.MonkeyPatch, keep_secret: Any
    ) -> None:
        for name in ALL_KEY_NAMES:
            monkeypatch.delenv(name, raising=False)

        def listed() -> list[str]:
            return [row["id"] for row in api.send("GET", "/v1/models").json()["data"]]

        assert listed() == ["offline/echo", "offline/hashing"]
        keep_secret("ANTHROPIC_API_KEY", "sk-ant-own")
        forget_keys()
        assert "claude-haiku-4-5" in listed() and not any(name.startswith("gpt") for name in listed())
        settings.MODELS = ["gpt-4o"]
        assert listed() == ["gpt-4o", "offline/echo", "offline/hashing"]

    @pytest.mark.parametrize("path", ["/v1/models", "/v1/embeddings", "/v1/chat/completions"])
    def test_a_wrong_key(self, api: ResponsesClient, path: str) -> None:
        method = "GET" if path.endswith("models") else "POST"
        assert api.send(method, path, Authorization="Bearer wrong").status_code == 403
