"""Which of the texts that were to stop a model it came to, where its provider tells: the client library does not."""

from collections.abc import Mapping

from julep_project.core.json_value import Json
from julep_project.core.reading.outside_json import read_json

_MARK = b'"stop_sequence"'
_NAME = "stop_sequence"
_DATA = b"data:"


def stopped_by(whole: bytes) -> str | None:
    """The text, of a whole answer of Anthropic's."""
    return _text(_read(whole)) if _MARK in whole else None


def stopped_by_in(lines: bytes) -> str | None:
    """The text, if lines of a stream of theirs tell."""
    if _MARK not in lines:
        return None
    events = (_read(line[len(_DATA) :]) for line in lines.splitlines() if line.startswith(_DATA) and _MARK in line)
    return next((text for event in events if (text := _text(event.get("delta")))), None)


def _text(said: Json) -> str | None:
    text = said.get(_NAME) if isinstance(said, Mapping) else None
    return text if isinstance(text, str) and text else None


def _read(text: bytes) -> Mapping[str, Json]:
    try:
        value = read_json(text)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}
