"""Bodies held to the types of the published client: each has all fields, and no other."""

import json
from collections.abc import Iterator
from typing import Any

from anthropic import BaseModel
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from pydantic import TypeAdapter


def held(kind: Any, body: Any) -> Any:
    """The body as the published type, which knows all of it."""
    value = TypeAdapter(kind).validate_python(body)
    assert list(_unknown(value, "$")) == []
    return value


def message_of(body: Any) -> Message:
    """A whole message."""
    message: Message = held(Message, body)
    assert set(body) == set(Message.model_fields)
    assert set(body["usage"]) == set(type(message.usage).model_fields)
    return message


def error_of(answer: Any) -> ErrorResponse:
    """An error, which names its request."""
    error: ErrorResponse = held(ErrorResponse, answer.json())
    assert error.request_id == answer.headers["request-id"] == answer.headers["X-Request-Id"]
    return error


def events_of(told: str) -> list[Any]:
    """The events of a stream; those that say something are of published types, and stand under their names."""
    events = []
    for block in told.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        if event["type"] == "error":
            events.append(held(ErrorResponse, event))
        elif event["type"] != "ping":
            events.append(held(RawMessageStreamEvent, event))
    return events


def _unknown(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{place}.{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(item, f"{place}[{number}]")
