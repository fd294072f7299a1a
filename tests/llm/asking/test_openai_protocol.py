"""OpenAI's own protocol is spoken without the client library: with the same words, errors and prices."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.openai_protocol import asking, wording
from agents.models import Developer, ModelUsage
from julep_project.core.errors import DomainError
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import ModelServer
from tests.loopback.streaming import END, event

pytestmark = pytest.mark.usefixtures("committed_usage")

Ask = Callable[..., Any]
USER = {"role": "user", "content": "How high is the tide?"}
SYSTEM = {"role": "system", "content": "Be short."}
CALL = {"id": "call_" + "x" * 60, "type": "function", "function": {"name": "tide", "arguments": '{"at": 1}'}}
TALK = [SYSTEM, USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
RESULT = {"role": "tool", "tool_call_id": CALL["id"], "content": "3 m"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
FORM = {"type": "json_schema", "json_schema": {"name": "tide", "schema": {"type": "object"}, "strict": False}}
TOOL = {
    "type": "function",
    "function": {"name": "tide", "parameters": {"type": "object", "anyOf": [{"required": ["at"]}], "properties": {}}},
}
MODELS = ("gpt-4o-mini", "openai/gpt-4.1", "o3-mini", "gpt-5", "gpt-5.4", "openai/ft:gpt-4o:me", "openai/qwen3-8b")
QUESTIONS: dict[str, dict[str, Any]] = {
    "plain": {"messages": [USER]},
    "rules": {"messages": [SYSTEM, {"role": "developer", "content": "In metres."}, USER]},
    "picture": {"messages": [{"role": "user", "content": ["See", PICTURE]}]},
    "settings": {
        "messages": [USER],
        "settings": {"temperature": 0.3, "max_tokens": 60, "stop": ["a", "b", "c", "d", "e"], "seed": 4, "top_k": 3},
    },
    "effort": {"messages": [USER], "settings": {"reasoning_effort": "low", "max_completion_tokens": 60}},
    "form": {"messages": [USER], "settings": {"response_format": FORM}},
    "tools": {"messages": [*TALK, RESULT], "tools": [TOOL], "tool_choice": "auto"},
    "choice": {"messages": [USER], "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "tide"}}},
    "passed on": {"messages": [USER], "strict": True, "settings": {"user": "u1", "service_tier": "flex", "n": 1}},
    "strict": {"messages": [USER], "strict": True, "settings": {"temperature": 0.3, "max_tokens": 60, "top_p": 0.5}},
}


def whole(developer: Developer, **question: Any) -> Any:
    return gateway.complete(developer, **question)


def whole_async(developer: Developer, **question: Any) -> Any:
    return asyncio.run(gateway.acomplete(developer, **question))


def streamed(developer: Developer, **question: Any) -> Any:
    async def read() -> list[Any]:
        return [chunk async for chunk in gateway.astream(developer, **question)]

    return asyncio.run(read())


WAYS = [whole, whole_async, streamed]


@pytest.fixture
def both(developer: Developer, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """What comes of a question without the library, and with it; an error as what is told of it."""

    def ask(way: Ask, **question: Any) -> list[Any]:
        found = []
        for provider in (wording.PROVIDER, ""):
            with monkeypatch.context() as patch:
                patch.setattr(wording, "PROVIDER", provider)
                try:
                    found.append(way(developer, **question))
                except DomainError as error:
                    told = {name: getattr(error, name, None) for name in ("message", "param", "wait_s")}
                    found.append((type(error).__name__, told))
        return found

    return ask


def _sent(model_server: ModelServer) -> list[Any]:
    """Bodies and keys, without what is sent only to say what would be so anyway."""
    return [
        (
            {name: part for name, part in sent.json().items() if (name, part) != ("stream", False)},
            sent.headers.get("authorization"),
        )
        for sent in model_server.requests
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", MODELS)
def test_the_question_is_the_same(way: Ask, model: str, both: Callable[..., Any], model_server: ModelServer) -> None:
    differs = []
    for name, question in QUESTIONS.items():
        model_server.requests.clear()
        both(way, model=model, **question)
        sent = _sent(model_server)
        if not sent or len(sent) % 2 or sent[: len(sent) // 2] != sent[len(sent) // 2 :]:
            differs.append((name, sent))
    assert not differs


def test_it_is_asked_without_the_library(
    developer: Developer, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("ask", "ask_async", "open_stream"):
        call = getattr(asking, name)
        monkeypatch.setattr(asking, name, lambda *given, call=call, name=name: (asked.append(name), call(*given))[1])
    for way in WAYS:
        way(developer, model="gpt-4o-mini", messages=[USER], tools=[TOOL])
    assert asked == ["ask", "ask_async", "open_stream"]


def _failed(status: int, error: Any, **headers: str) -> Reply:
    body = error if isinstance(error, str) else json.dumps(error)
    return Reply(status, body=body, headers={"Content-Type": "application/json", **headers})


FAILURES = {
    "no such setting": _failed(400, {"error": {"message": "Unknown name", "param": "tools[0].x", "code": "unknown"}}),
    "too long": _failed(400, {"error": {"message": "Too long", "code": "context_length_exceeded"}}),
    "too long, in words": _failed(400, {"error": {"message": "This model's maximum context length is 10 tokens."}}),
    "policy": _failed(400, {"error": {"message": "content management policy", "code": "content_policy_violation"}}),
    "shortest": _failed(
        400,
        {"error": {"message": "Could not finish the message because max_tokens or model output limit was reached."}},
    ),
    "key": _failed(401, {"error": {"message": "Incorrect API key provided: sk-loopback-key"}}),
    "money": _failed(429, {"error": {"message": "Pay", "code": "insufficient_quota"}}),
    "rights": _failed(403, {"error": {"message": "No"}}),
    "no such model": _failed(404, {"error": {"message": "No such model", "param": "model"}}),
    "late": _failed(408, {"error": {"message": "Late"}}),
    "large": _failed(413, "<html>Too large</html>"),
    "unread": _failed(422, {"detail": [{"loc": ["body", "stop"], "msg": "no"}]}),
    "named": _failed(422, {"error": {"message": json.dumps({"detail": [{"loc": ["body", "seed"], "msg": "no"}]})}}),
    "soon": _failed(429, {"error": {"message": "Slow down"}}, **{"Retry-After": "700"}),
    "down": _failed(500, {"error": {"message": "Oh"}}),
    "text": _failed(502, "Bad gateway"),
    "busy": _failed(503, {"error": {"message": "Busy"}}),
    "an error as an answer": _failed(200, {"error": {"message": "It went wrong", "code": 500}}),
    "a list": _failed(200, []),
    "no choices": _failed(200, {"id": "x", "choices": []}),
    "choices that are none": _failed(200, {"id": "x", "choices": ["a"]}),
    "no message": _failed(200, {"id": "x", "choices": [{"index": 0, "finish_reason": "stop"}]}),
    "a message that is none": _failed(200, {"id": "x", "choices": [{"index": 0, "message": "hi"}]}),
    "cut": _failed(200, '{"id": "x", "choi'),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAILURES)
def test_what_goes_wrong_is_told_alike(
    way: Ask, name: str, both: Callable[..., Any], model_server: ModelServer
) -> None:
    model_server.script(*[FAILURES[name]] * 4)
    here, there = both(way, model="gpt-4o-mini", messages=[USER], settings={"seed": 3})
    assert _kind(here, name) == _kind(there, name)


# The library says of these what it tried with them; and whoever is told to wait is not asked again.
_IN_OTHER_WORDS = frozenset(
    {"soon", "an error as an answer", "a list", "choices that are none", "no message", "a message that is none", "cut"}
)


def _kind(found: Any, name: str) -> Any:
    """The error, or that there is none: ids and times are of the answer."""
    if not isinstance(found, tuple):
        return "answered"
    return found[0] if name in _IN_OTHER_WORDS else found


USED = {"prompt_tokens": 3_000, "completion_tokens": 400, "total_tokens": 3_400}


@pytest.mark.parametrize("way", [whole, whole_async])
@pytest.mark.parametrize("tier", [None, "default", "flex", "priority"])
@pytest.mark.parametrize("details", [{}, {"prompt_tokens_details": {"cached_tokens": 1_000}}])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "o3", "openai/unheard-of"])
def test_the_price_is_the_same(
    way: Ask, tier: str | None, details: dict[str, Any], model: str, both: Callable[..., Any], model_server: ModelServer
) -> None:
    message = {"role": "assistant", "content": "3 m"}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": model.removeprefix("openai/"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {**USED, **details},
        **({"service_tier": tier} if tier else {}),
    }
    model_server.script(Reply(body=body), Reply(body=body))
    both(way, model=model, messages=[USER])
    first, second = ModelUsage.objects.values_list("cost", "prompt_tokens", "completion_tokens")
    assert first == second


def test_what_has_a_way_of_its_own_is_left_to_the_library(
    developer: Developer, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    ask = asking.ask
    monkeypatch.setattr(asking, "ask", lambda *given: (asked.append(given), ask(*given))[1])
    document = {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}}
    whole(developer, model="gpt-4o-mini", messages=[{"role": "user", "content": [document]}])
    whole(developer, model="openai/gpt-4o-search-preview", messages=[USER])
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: tides")
    whole(developer, model="gpt-4o-mini", messages=[USER])
    assert (asked, len(model_server.chats)) == ([], 3)
    monkeypatch.delenv("OPENAI_CUSTOM_HEADERS")
    for address in (f"{model_server.api_base}?version=1", "http://[not-one"):
        monkeypatch.setenv("OPENAI_API_BASE", address)
        with pytest.raises(DomainError):
            whole(developer, model="gpt-4o-mini", messages=[USER])
    assert asked == []


def test_the_price_is_that_of_the_model_that_answered(both: Callable[..., Any], model_server: ModelServer) -> None:
    message = {"role": "assistant", "content": "3 m"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-05-13", "usage": USED}
    model_server.script(*[Reply(body={**body, "choices": [choice]})] * 2)
    both(whole, model="gpt-4o", messages=[USER])
    first, second = ModelUsage.objects.values_list("cost", flat=True)
    assert first == second is not None


def test_a_stream_costs_what_its_tier_does(developer: Developer, model_server: ModelServer) -> None:
    origin = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "o3", "service_tier": "flex"}
    said = {**origin, "choices": [{"index": 0, "delta": {"content": "3 m"}, "finish_reason": "stop"}]}
    body = event(said) + event({**origin, "choices": [], "usage": USED}) + END
    model_server.script(Reply(200, body, {"Content-Type": "text/event-stream"}))
    message = {"role": "assistant", "content": "3 m"}
    whole_body = {**origin, "usage": USED, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    model_server.script(Reply(body=whole_body))
    streamed(developer, model="o3", messages=[USER])
    whole(developer, model="o3", messages=[USER])
    of_stream, of_whole = ModelUsage.objects.values_list("cost", flat=True)
    assert of_stream == of_whole is not None
