"""Bodies with one wrong value are refused with its place, and never break anything."""

import re
from dataclasses import replace
from typing import Any

import pytest

from agents.api.completion_body import CHAT_COMPLETIONS, ChatCompletionBody
from agents.api.embedding_body import EmbeddingsBody
from agents.llm.own.scripted import scripted_model
from julep_project.core.errors import DomainError
from julep_project.core.reading.fields import Body
from julep_project.core.reading.surface import Fate
from tests.responses.completion_bodies import FREE, MESSAGES, OTHERS, REFUSED, WHOLE
from tests.responses.conftest import ResponsesClient
from tests.surfaces.places import places_of, published_places
from tests.wrong_values import Wrong, with_unknown_keys, wrong_values

EMBED = {"model": "offline/hashing", "input": ["a", "b"], "encoding_format": "float", "dimensions": 1024, "user": "ada"}
# A text in a list of parts is one, and an image may be its address.
_PARTS = ((0, 1), (1, 5), (2, 2), (3, 1))
_TAKEN = {f"messages[{message}].content[{part}]" for message, parts in _PARTS for part in range(parts)} | {
    "messages[1].content[1].image_url"
}


# One in so many is sent of those that are taken when the body is read, and of those that are refused.
_SENT_OF_TAKEN, _SENT_OF_REFUSED = 7, 90


@pytest.mark.parametrize(
    ("reader", "path", "body"),
    [(ChatCompletionBody, "/v1/chat/completions", WHOLE), (EmbeddingsBody, "/v1/embeddings", EMBED)],
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


def test_every_part_that_is_published_is_taken() -> None:
    bodies = [WHOLE, *({**WHOLE, **other} for other in OTHERS)]
    for body in bodies:
        ChatCompletionBody.read(body)
    published = {place for place in published_places(CHAT_COMPLETIONS) if not place.startswith(REFUSED)}
    assert len(published) > 100
    assert published - set().union(*map(places_of, bodies)) == set()


def test_no_other_part_is() -> None:
    for body in (WHOLE, *({"messages": MESSAGES, **other} for other in OTHERS)):
        for place, wrong in with_unknown_keys(body):
            if re.sub(r"\[\d+\]", "[]", place).startswith(FREE):
                continue
            with pytest.raises(DomainError) as refused:
                ChatCompletionBody.read(wrong)
            assert (refused.value.status, refused.value.param) == (422, place)


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
