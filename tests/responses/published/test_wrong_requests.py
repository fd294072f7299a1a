"""Bodies of the responses and conversations APIs with one value that is wrong: it is refused with its place, and
nothing breaks whatever it is."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest

from agents.llm.own.scripted import scripted_model
from julep_project.core.errors import DomainError
from sessions.responses.wire.request import read_compaction, read_count, read_request
from tests.api_client import ApiClient
from tests.loopback.web_server import WebServer
from tests.responses.conftest import ResponsesClient
from tests.responses.test_answers import NUMBER, WEATHER
from tests.responses.test_requests import CUSTOM, ID
from tests.wrong_values import Wrong, with_unknown_keys, wrong_values

Reader = Callable[[Any, UUID], Any]
CALL = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}", "id": "fc_1"}
NOTE = {"type": "custom_tool_call", "call_id": "d", "name": "note", "input": "x"}
ITEMS: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "status": "completed", "content": [
        {"type": "input_text", "text": "Hi"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_file", "file_data": "data:,x", "filename": "x.txt"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]},
    {"role": "assistant", "phase": "final_answer", "content": [
        {"type": "output_text", "text": "Ho", "annotations": [], "logprobs": []}, {"type": "refusal", "refusal": "No"}
    ]},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    CALL,
    {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "sun"}]},
    NOTE,
    {"type": "custom_tool_call_output", "call_id": "d", "output": "done"},
    {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x"}},
    {"type": "file_search_call", "queries": ["x"], "results": [{"text": "t"}]},
    {"role": "developer", "content": "Be brief."},
]  # fmt: skip
BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "input": ITEMS,
    "instructions": "Be brief.",
    "tools": [
        {**WEATHER, "parameters": deepcopy(NUMBER), "strict": True, "description": "d"},
        CUSTOM,
        {"type": "web_search", "search_context_size": "low"},
        {"type": "file_search", "vector_store_ids": ["x"], "filters": {"type": "eq", "key": "k", "value": "v"}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": NUMBER, "strict": True}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["message.output_text.logprobs"],
    "stop": ["END"],
    "logit_bias": {"5": 1},
    "metadata": {"k": "v"},
    "stream_options": {"include_obfuscation": False},
    "temperature": 0.5,
    "top_p": 0.5,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "top_logprobs": 2,
    "max_output_tokens": 50,
    "max_tool_calls": 5,
    "parallel_tool_calls": True,
    "truncation": "disabled",
    "service_tier": "flex",
    "safety_identifier": "s",
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "24h",
    "user": "u",
    "store": False,
    "stream": False,
    "background": False,
}
# What is kept, or sent to the provider, as it is.
AS_SENT = (
    "metadata.",
    "input[7].action.",
    "input[8].results[0].",
    "tools[0].parameters.properties",
    "tools[3].filters.value",
    "text.format.schema.properties",
    # Another form than that of the answer.
    "text.format.schema.required[",
)
# Where callers have names of their own.
FREE = (
    "metadata", "logit_bias", "input[7].action", "input[8].results", "tools[0].parameters", "text.format.schema"
)  # fmt: skip
CHOICES: list[dict[str, Any]] = [
    {"type": "custom", "name": "note"},
    {"type": "function", "function": {"name": "weather"}},
    {"type": "web_search"},
    {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "web_search"}]}},
]
ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": '{"n": 1}'}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


# What is counted and what is compacted is read by the same rules.
COUNTED = {
    name: BODY[name]
    for name in ("model", "instructions", "tool_choice", "text", "reasoning", "parallel_tool_calls", "truncation")
} | {"input": ITEMS[:1], "tools": BODY["tools"]}
COMPACTED = {
    name: BODY[name] for name in ("model", "instructions", "service_tier", "prompt_cache_key", "prompt_cache_options")
} | {"input": ITEMS[:1], "prompt_cache_retention": "24h"}
# One in so many is sent of those that are taken when the body is read, and of those that are refused.
_SENT_OF_TAKEN, _SENT_OF_REFUSED = 5, 80
# Of those with a megabyte of text, whatever the field.
_SENT_OF_LONG = 10


def test_responses(api: ResponsesClient, web: WebServer) -> None:
    taken, refused = _read(read_request, BODY)
    assert len(refused) > 300
    long = [wrong for wrong in taken if wrong.kind == "too long"]
    short = [wrong for wrong in taken if wrong.kind != "too long"]
    sent = [*short[::_SENT_OF_TAKEN], *long[::_SENT_OF_LONG], *refused[::_SENT_OF_REFUSED]]
    with scripted_model([ANSWER] * (1 + len(sent))):
        assert api.send("POST", "/v1/responses", BODY).status_code == 200
        answers = api.run(_answers(api, sent))
    odd = [told for wrong, answer in zip(sent, answers, strict=True) if (told := _odd(wrong, answer))]
    assert not odd, "\n".join(odd)


@pytest.mark.parametrize(
    ("reader", "body"), [(read_count, COUNTED), (read_compaction, COMPACTED)], ids=["counting", "compacting"]
)
def test_what_is_read_beside_them(reader: Reader, body: dict[str, Any]) -> None:
    reader(body, ID)
    assert _read(reader, body)[1]


def test_no_key_that_nobody_knows_is_taken() -> None:
    for body in (BODY, *({**BODY, "tool_choice": choice} for choice in CHOICES)):
        for place, wrong in with_unknown_keys(body):
            if place.startswith(FREE):
                continue
            with pytest.raises(DomainError) as refused:
                read_request(wrong, ID)
            assert (refused.value.status, refused.value.param) == (422, place)


def _read(reader: Reader, body: dict[str, Any]) -> tuple[list[Wrong], list[Wrong]]:
    """The bodies that are taken, and those that are not: each of these with its place."""
    taken, refused = [], []
    for wrong in wrong_values(body, without=AS_SENT):
        try:
            reader(wrong.body, ID)
        except DomainError as error:
            assert error.param and 400 <= error.status < 500, f"{wrong}: {error.status} {error}"
            refused.append(wrong)
        else:
            taken.append(wrong)
    assert [str(wrong) for wrong in taken if not wrong.may_be_taken] == []
    return taken, refused


async def _answers(api: ResponsesClient, wrong_ones: list[Wrong]) -> list[Any]:
    return [await api._send("POST", "/v1/responses", wrong.body, {}) for wrong in wrong_ones]


@pytest.mark.parametrize("at", ["conversations", "items"])
def test_conversations(api: ResponsesClient, at: str) -> None:
    rest = ApiClient()
    items = [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]
    path, body = "/v1/conversations", {"items": items, "metadata": {"k": "v"}}
    if at == "items":
        path, body = f"{path}/{rest.post(path, {}).json()['id']}/items", {"items": items}
    assert rest.post(path, body).status_code == 200
    odd = [told for wrong in wrong_values(body) if (told := _odd(wrong, rest.post(path, wrong.body)))]
    assert not odd, "\n".join(odd)


def _odd(wrong: Wrong, answer: Any) -> str | None:
    """How the answer is other than it should be."""
    status = answer.status_code
    error = answer.json().get("error") or {} if status != 200 else {}
    if (status == 200 and wrong.may_be_taken) or (400 <= status < 500 and error.get("param")):
        return None
    return f"{wrong}: {status} {error}"
