"""Event streams as clients parse them: `data: {json}` lines only, comments as keep-alive, closed at the end."""

from typing import Any

from julep_project.core.api.renderers import to_json

KEEP_ALIVE = b": ping\n\n"
# How streams of the OpenAI API end.
DONE = b"data: [DONE]\n\n"


def encode_event(data: Any) -> bytes:
    """One event. No `event:` or `id:` line: the published clients parse every event's data as JSON."""
    return event_of(to_json(data))


def event_of(data: bytes) -> bytes:
    """One event of data that are JSON already."""
    return b"data: " + data + b"\n\n"


def encode_named_event(name: str, data: Any) -> bytes:
    """One event with its name on a line of its own, as clients of the OpenAI responses API expect it."""
    return b"event: " + name.encode() + b"\n" + encode_event(data)
