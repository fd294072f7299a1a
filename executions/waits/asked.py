"""What a wait asks, for people: a text, what is told beside it, and the fields of its form."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from executions.waits.form import Field, fields_of
from tasks.steps.quorum import APPROVE, Quorum

_APPROVAL: dict[str, Any] = {
    "type": "object",
    "properties": {
        APPROVE: {"type": "boolean", "title": "Approve"},
        "comment": {"type": "string", "title": "Comment", "format": "textarea"},
    },
    "required": [APPROVE],
}

# Under these names a question stands; under those others it never does.
_ASKS = ("question", "message", "prompt", "text", "title", "q")
_TELLS_NOTHING = ("schema", "type", "assignees")
# So many parts of an object or a list are looked into for a text.
_MOST_PARTS = 20


def first_text(value: object, *, depth: int = 4) -> str:
    """The text in a value that most likely is what a wait asks. Empty if there is none."""
    if isinstance(value, str):
        return value
    parts: list[object] = []
    if isinstance(value, dict):
        asked = [value[name] for name in _ASKS if isinstance(value.get(name), str)]
        others = (part for name, part in value.items() if name not in _TELLS_NOTHING)
        parts = [*asked, *islice(others, _MOST_PARTS)]
    elif isinstance(value, list):
        parts = value[:_MOST_PARTS]
    found = (first_text(part, depth=depth - 1) for part in parts) if depth else iter(())
    return next((text for text in found if text), "")


def told_beside(shown: object, *, most: int, longest: int) -> tuple[dict[str, str], int]:
    """What else a wait shows, as texts by name, so many at most; and how many more there are. Of what is no text so
    many characters are written out."""
    if not isinstance(shown, Mapping):
        return ({} if shown is None or isinstance(shown, str) else {"": _as_text(shown, longest)}), 0
    question = first_text(shown)
    names = [name for name, part in shown.items() if name not in _TELLS_NOTHING and part != question]
    return {name: _as_text(shown[name], longest) for name in names[:most]}, max(len(names) - most, 0)


def _as_text(value: object, longest: int) -> str:
    if isinstance(value, str):
        return value
    # Of something that is nested deep, most of what is written are blanks.
    written, size = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        written.append(piece)
        size += len(piece)
        if size > longest:
            return "".join(written)[:longest] + " …"
    return "".join(written)


def fields_asked(shown: object, quorum: Quorum | None) -> list[Field]:
    """The fields of a form for the answer; none where no form can give what is asked for."""
    schema = schema_of(shown)
    if quorum is None or APPROVE not in quorum:
        return fields_of(schema)
    if schema is None:
        return fields_of(_APPROVAL)
    fields = fields_of(schema)
    has_own = any(field.name == APPROVE for field in fields)
    return fields if has_own or not fields else [fields_of(_APPROVAL)[0], *fields]


def schema_of(shown: object) -> Mapping[str, Any] | None:
    """What an answer has to fit, if anything."""
    schema = shown.get("schema") if isinstance(shown, Mapping) else None
    return schema if isinstance(schema, Mapping) else None
