"""A model provider on loopback that speaks the OpenAI API, so that tests go through the client library's real HTTP."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from agents.llm.own.scripted import find_unpaired
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply
from tests.loopback.streaming import Streamed, event, usage_event
from tests.loopback.vectors import EMBEDDING_SIZE, embeddings

__all__ = ["EMBEDDING_SIZE", "ModelServer", "Streamed", "failure", "tool_call"]

Said = str | dict[str, Any] | Reply | Streamed
Scripted = Said | Callable[[dict[str, Any]], Said]
ScriptedVectors = Reply | dict[str, Any] | Callable[[dict[str, Any]], Reply | dict[str, Any]]


class ModelServer(LoopbackServer):
    """`/v1/chat/completions` (also streamed), `/v1/models`, `/v1/embeddings`.

    `script(...)` lines up answers: a text, the fields of a message, a whole HTTP reply, a stream under the test's
    control (`Streamed`), or a function of the request's body. With no answer left it says `default`.
    A prompt in which calls and results do not go together is refused. `script_embeddings(...)` lines up embeddings;
    without, each text has a vector of its own, and more texts than `most_texts` are refused.
    """

    default = "ok"
    most_texts = 2048

    def __init__(self) -> None:
        super().__init__()
        self._answers: deque[Scripted] = deque()
        self._vectors: deque[ScriptedVectors] = deque()
        self._lock = threading.Lock()

    @property
    def api_base(self) -> str:
        """What `OPENAI_API_BASE` must be."""
        return f"{self.url}/v1"

    @property
    def chats(self) -> list[dict[str, Any]]:
        """Bodies of the chat requests, in order."""
        return [request.json() for request in self.requests if request.path.endswith("/chat/completions")]

    @property
    def embeddings(self) -> list[dict[str, Any]]:
        """Bodies of the requests for embeddings, in order."""
        return [request.json() for request in self.requests if request.path.endswith("/embeddings")]

    def script(self, *answers: Scripted) -> None:
        self._answers.extend(answers)

    def script_embeddings(self, *answers: ScriptedVectors) -> None:
        """Give these answers to the next requests for embeddings."""
        self._vectors.extend(answers)

    def answer(self, request: RecordedRequest) -> Reply:
        """The reply of the route."""
        if request.path == "/v1/models":
            return Reply(200, {"object": "list", "data": [{"id": "loopback", "object": "model", "owned_by": "tests"}]})
        if request.path == "/v1/embeddings":
            return self._embed(request.json())
        if request.path == "/v1/chat/completions":
            return self._chat(request.json())
        return failure(404, "no such route")

    def _chat(self, body: dict[str, Any]) -> Reply:
        problem = find_unpaired(body["messages"])
        if problem is not None:
            return failure(400, problem)
        with self._lock:
            scripted = self._answers.popleft() if self._answers else self.default
        said = scripted(body) if callable(scripted) else scripted
        if isinstance(said, Reply):
            return said
        if isinstance(said, Streamed):
            return said.reply(_envelope(body, "chat.completion.chunk"), _usage(body, {"content": said.text()}))
        message = {"role": "assistant", "content": None, **({"content": said} if isinstance(said, str) else said)}
        return _streamed(body, message) if body.get("stream") else Reply(200, _completion(body, message))

    def _embed(self, body: dict[str, Any]) -> Reply:
        with self._lock:
            scripted = self._vectors.popleft() if self._vectors else None
        said = scripted(body) if callable(scripted) else scripted
        if isinstance(said, Reply):
            return said
        if said is None and isinstance(body["input"], list) and len(body["input"]) > self.most_texts:
            return failure(400, f"input array must have at most {self.most_texts} items")
        return Reply(200, embeddings(body) if said is None else said)


def failure(status: int, message: str, *, code: str | None = None, **headers: str) -> Reply:
    """An error as the provider writes it."""
    return Reply(status, {"error": {"message": message, "type": "error", "param": None, "code": code}}, headers)


def tool_call(name: str, arguments: dict[str, Any], *, id: str = "call_1") -> dict[str, Any]:
    """The fields of a message that calls a tool."""
    return {
        "tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}]
    }


def _completion(body: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    return {
        **_envelope(body, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": _reason(message), "logprobs": None}],
        "usage": _usage(body, message),
    }


def _envelope(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-loopback", "object": kind, "created": int(time.time()), "model": body["model"]}


def _reason(message: dict[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _usage(body: dict[str, Any], message: dict[str, Any]) -> dict[str, int]:
    asked = sum(len(str(sent.get("content") or "").split()) for sent in body["messages"])
    answered = len(str(message.get("content") or "").split())
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _streamed(body: dict[str, Any], message: dict[str, Any]) -> Reply:
    return Reply(raw=_stream(body, message))


def _stream(body: dict[str, Any], message: dict[str, Any]) -> Iterator[bytes]:
    """Server-sent events: the role, then words or parts of tool calls, the end, and the usage if asked for."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    envelope = _envelope(body, "chat.completion.chunk")
    for delta, reason in _deltas(message):
        yield event({**envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield usage_event(envelope, _usage(body, message))
    yield b"data: [DONE]\n\n"


def _deltas(message: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": ""}, None
    for word in str(message.get("content") or "").split(" "):
        if word:
            yield {"content": f"{word} "}, None
    for word in str(message.get("refusal") or "").split(" "):
        if word:
            yield {"refusal": f"{word} "}, None
    for index, call in enumerate(message.get("tool_calls") or ()):
        arguments = call["function"]["arguments"]
        opening = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield {"tool_calls": [opening]}, None
        for start in range(0, len(arguments), 5):
            part = {"index": index, "function": {"arguments": arguments[start : start + 5]}}
            yield {"tool_calls": [part]}, None
    yield {}, _reason(message)
