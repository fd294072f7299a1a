"""Bodies with one wrong value are refused with its place, and never break anything."""

import json
from typing import Any

import pytest

from agents.api.anthropic.request import Asked
from agents.api.anthropic.surface import MESSAGES
from agents.llm.own.scripted import scripted_model
from julep_project.core.errors import DomainError
from julep_project.core.reading.parsers import parse_json
from julep_project.core.reading.surface import Fate
from tests.messages.bodies import EVERYTHING
from tests.messages.conftest import MessagesClient
from tests.wrong_values import Wrong, wrong_values

# Nothing in it is the same object twice.
BODY = json.loads(json.dumps({**EVERYTHING, "model": "gpt-4o"}))
# Any JSON, and schemas that the scripted answers do not fit.
ANYTHING = ("messages[1].content[3].input.city", "tools[0].input_schema.properties.", "output_config.format.schema.")

# Where one is taken, it is a text like any other.
TEXTS = ("an unknown word", "too long", "NUL")
# Of those that are refused, one in so many is sent, too.
SENT = 50


def test_one_wrong_value(client: MessagesClient) -> None:
    assert set(BODY) - {"speed"} == set(MESSAGES.names(Fate.SENT, Fate.HONOURED))
    found: list[str] = []
    with scripted_model(['{"city": "Rome"}'] * 1000):
        for number, wrong in enumerate(wrong_values(BODY, without=ANYTHING)):
            problem = _problem(client, wrong, is_sent=number % SENT == 0)
            if problem is not None:
                found.append(f"{wrong}: {problem}")
    assert not found, "\n".join(found)


def _problem(client: MessagesClient, wrong: Wrong, *, is_sent: bool) -> str | None:
    """What is read is sent, too."""
    try:
        Asked.read(parse_json(json.dumps(wrong.body).encode()))
    except DomainError as error:
        if error.status >= 500 or not _is_placed(error):
            return f"{type(error).__name__} {error} {error.param}"
        return _sent(client, wrong, may_be_taken=False) if is_sent else None
    if not wrong.may_be_taken:
        return "it is taken"
    return None if wrong.kind in TEXTS else _sent(client, wrong, may_be_taken=True)


def _sent(client: MessagesClient, wrong: Wrong, *, may_be_taken: bool) -> str | None:
    answer = client.send(body=wrong.body)
    if 400 <= answer.status_code < 500 or (may_be_taken and answer.status_code == 200):
        return None
    return f"{answer.status_code} {answer.content[:200]!r}"


def _is_placed(error: DomainError) -> bool:
    return any((error.param or "").startswith(name) for name in BODY)


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_what_is_no_request(client: MessagesClient, body: Any) -> None:
    assert client.send(body=body).status_code == 400
