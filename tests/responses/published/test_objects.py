"""What is answered and told is of the published forms: the types of the `openai` client, and what Open Responses
demands beside them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from julep_project.core.errors import ModelUnavailable
from julep_project.core.work import rings
from sessions.responses.models import StoredResponse
from tests.responses.conftest import ResponsesClient, events_of
from tests.responses.test_answers import FORM, WEATHER, calling
from tests.responses.test_requests import CUSTOM
from tests.surfaces.published import foreign_keys

NUMBER = (int, float)
NULL = type(None)
# Open Responses, of 2026-04-24: a response has all of these.
FIELDS: dict[str, Any] = {
    "id": str,
    "object": str,
    "created_at": int,
    "completed_at": (int, NULL),
    "status": str,
    "incomplete_details": (dict, NULL),
    "model": str,
    "previous_response_id": (str, NULL),
    "instructions": (str, NULL),
    "output": list,
    "error": (dict, NULL),
    "tools": list,
    "tool_choice": (str, dict),
    "truncation": str,
    "parallel_tool_calls": bool,
    "text": dict,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "top_logprobs": int,
    "temperature": NUMBER,
    "reasoning": (dict, NULL),
    "usage": (dict, NULL),
    "max_output_tokens": (int, NULL),
    "max_tool_calls": (int, NULL),
    "store": bool,
    "background": bool,
    "service_tier": str,
    "metadata": dict,
    "safety_identifier": (str, NULL),
    "prompt_cache_key": (str, NULL),
}
# Those that the client does not know; a status it knows of most items.
OPEN = [".presence_penalty", ".frequency_penalty", ".store"]
ASKED: dict[str, dict[str, Any]] = {
    "a text": {},
    "a call": {"tools": [WEATHER, {**WEATHER, "name": "other", "strict": True, "description": "d"}]},
    "a text for a tool": {"tools": [CUSTOM]},
    "everything": {
        "instructions": "Be brief.",
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": FORM,
        "tools": [WEATHER, CUSTOM],
        "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "weather"}]},
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "flex",
        "temperature": 0.5,
        "top_logprobs": 2,
        "user": "u",
    },
}
SAID: dict[str, Any] = {
    "a text": "It is four.",
    "a call": calling("weather", "{}", content="Wait.", reasoning_content="Hm."),
    "a text for a tool": calling("note", '{"input": "four"}'),
    "everything": {"content": '{"n": 1}', "reasoning_content": "Hm."},
}


@cache
def events() -> TypeAdapter[Any]:
    return TypeAdapter(ResponseStreamEvent)


def check(response: dict[str, Any]) -> None:
    """Raises: ValidationError, AssertionError"""
    foreign = foreign_keys(Response.model_validate(response))
    assert [key for key in foreign if key not in OPEN and not key.endswith("].status")] == []
    wrong = {name: response.get(name, "missing") for name, kind in FIELDS.items() if not _is(response.get(name), kind)}
    assert wrong == {}
    for tool in response["tools"]:
        assert tool["type"] != "function" or {"name", "description", "parameters", "strict"} <= tool.keys()
    assert response.get("user", "u") is not None


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


@pytest.mark.parametrize("asked", ASKED)
def test_every_answer_and_every_event(api: ResponsesClient, asked: str) -> None:
    with scripted_model([SAID[asked]] * 2):
        check(made := api.create(**ASKED[asked]))
        told = api.stream(**ASKED[asked])
    check(api.get(made["id"]).json())
    for event in [*told, *events_of(api.get(made["id"], "?stream=true"))]:
        events().validate_python(event)
        if "response" in event:
            check(event["response"])


@pytest.mark.parametrize("end", ["failed", "incomplete", "cancelled", "queued", "of another version"])
def test_whatever_became_of_it(
    api: ResponsesClient, developer: Developer, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings, "ring", lambda task, response_id: None)
    for response in ENDS[end](api, developer):
        check(response)
        assert response["completed_at"] is None


def _failed(api: ResponsesClient, _: Developer) -> list[Any]:
    with scripted_model([ModelUnavailable("overloaded")]):
        return [event["response"] for event in api.stream()]


def _incomplete(api: ResponsesClient, _: Developer) -> list[Any]:
    message = {"role": "assistant", "content": "Onc"}
    cut = {"choices": [{"index": 0, "message": message, "finish_reason": "length"}], "usage": {}}
    with scripted_model([cut]):
        return [api.create(max_output_tokens=1)]


def _cancelled(api: ResponsesClient, developer: Developer) -> list[Any]:
    [queued] = _queued(api, developer)
    return [api.send("POST", f"/responses/{queued['id']}/cancel").json()]


def _queued(api: ResponsesClient, _: Developer) -> list[Any]:
    return [api.create(background=True)]


def _of_another_version(api: ResponsesClient, developer: Developer) -> list[Any]:
    """As the version before stored it."""
    body = {
        "object": "response", "created_at": 1, "status": "completed", "error": None, "incomplete_details": None,
        "model": "m", "instructions": None, "metadata": {}, "max_output_tokens": None, "max_tool_calls": None,
        "parallel_tool_calls": True, "previous_response_id": None, "reasoning": None, "background": False,
        "store": True, "temperature": None, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": None, "top_logprobs": None, "truncation": "disabled", "user": None, "output": [], "usage": None,
    }  # fmt: skip
    row = StoredResponse.objects.create(developer=developer, status="completed", body={**body, "id": "resp_x"})
    return [api.get(str(row.pk)).json()]


ENDS: dict[str, Callable[[ResponsesClient, Developer], list[Any]]] = {
    "failed": _failed,
    "incomplete": _incomplete,
    "cancelled": _cancelled,
    "queued": _queued,
    "of another version": _of_another_version,
}
