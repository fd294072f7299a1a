"""Bodies with one wrong value are refused with its place, and never break anything."""

from dataclasses import replace
from typing import Any

import pytest

from agents.api.completion_body import ChatCompletionBody
from agents.api.embedding_body import EmbeddingsBody
from agents.llm.own.scripted import scripted_model
from julep_project.core.errors import DomainError
from julep_project.core.reading.fields import Body
from julep_project.core.reading.surface import Fate
from tests.responses.conftest import ResponsesClient
from tests.responses.test_completions import SENT
from tests.wrong_values import Wrong, wrong_values

MESSAGES = [
    {"role": "system", "content": "Be brief.", "name": "ada"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            {"type": "file", "file": {"file_data": "aGk=", "filename": "a.txt"}},
        ],
    },
    {
        "role": "assistant",
        "content": [{"type": "refusal", "refusal": "No"}],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "sun"},
]
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "required": ["a"]}}}
CHAT = {
    **SENT,
    "model": "gpt-4o",
    "messages": MESSAGES,
    "response_format": FORM,
    "stream": False,
    "stream_options": {"include_usage": True},
}
EMBED = {"model": "offline/hashing", "input": ["a", "b"], "encoding_format": "float", "dimensions": 1024, "user": "ada"}
# A text in a list of parts is one, and an image may be its address.
_TAKEN = {f"messages[{message}].content[{part}]" for message, part in ((1, 0), (1, 1), (1, 2), (1, 3), (2, 0))} | {
    "messages[1].content[1].image_url"
}


# One in so many is sent of those that are taken when the body is read, and of those that are refused.
_SENT_OF_TAKEN, _SENT_OF_REFUSED = 4, 40


@pytest.mark.parametrize(
    ("reader", "path", "body"),
    [(ChatCompletionBody, "/v1/chat/completions", CHAT), (EmbeddingsBody, "/v1/embeddings", EMBED)],
    ids=["chat completions", "embeddings"],
)
def test_one_wrong_value(api: ResponsesClient, reader: type[Body], path: str, body: dict[str, Any]) -> None:
    assert reader.surface is not None
    assert set(body) == set(reader.surface.names(Fate.SENT, Fate.HONOURED)) == set(reader().fields)
    taken, refused = _read(reader, body)
    must_be_refused = [str(wrong) for wrong in taken if not wrong.may_be_taken]
    assert not must_be_refused, "\n".join(must_be_refused)
    with scripted_model(['{"a": 1}'] * (1 + len(taken))):
        assert api.send("POST", path, body).status_code == 200
        answers = api.run(_sent(api, path, [*taken[::_SENT_OF_TAKEN], *refused[::_SENT_OF_REFUSED]]))
    # What a provider refuses need not have a place.
    odd = [
        f"{wrong}: {status} {error}"
        for wrong, status, error in answers
        if status != 200 and not (400 <= status < 500 and (error["param"] or error["code"] == "llm_bad_request"))
    ]
    assert not odd, "\n".join(odd)


def _read(reader: type[Body], body: dict[str, Any]) -> tuple[list[Wrong], list[Wrong]]:
    """The bodies that are taken, and those that are not: each of these with its place."""
    taken, refused = [], []
    # Of another name that is required, the scripted model knows nothing.
    for wrong in wrong_values(body, without=("response_format.json_schema.schema.required[",)):
        if wrong.kind == "a text" and wrong.place in _TAKEN:
            wrong = replace(wrong, may_be_taken=True)
        try:
            reader.read(wrong.body)
        except DomainError as error:
            assert error.param and 400 <= error.status < 500, f"{wrong}: {error.status} {error}"
            refused.append(wrong)
        else:
            taken.append(wrong)
    return taken, refused


async def _sent(api: ResponsesClient, path: str, wrong_ones: list[Wrong]) -> list[tuple[Wrong, int, dict[str, Any]]]:
    answers = []
    for wrong in wrong_ones:
        answer = await api._send("POST", path, wrong.body, {})
        answers.append((wrong, answer.status_code, answer.json().get("error", {})))
    return answers
