"""What a server asks a person: parameters of `elicitation/create`, which it wrote, and what goes back."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from agents.tools.body import canonical
from agents.tools.mcp.listing import schema_problem
from julep_project.core.json_value import Json

FORM, URL = "form", "url"
ACCEPT, DECLINE, CANCEL = "accept", "decline", "cancel"
# What becomes of questions, by the definition of a tool.
ASK, DEFAULTS = "ask", "defaults"
WAYS = (ASK, DEFAULTS, DECLINE)
DECLINED: Mapping[str, Json] = {"action": DECLINE}
_TYPES = frozenset({"string", "number", "integer", "boolean", "array"})
_MOST_FIELDS = 30
_LONGEST_SCHEMA = 20_000
_LONGEST_ADDRESS = 2_000

Asked = Mapping[str, Json]


def mode_of(asked: Asked) -> str:
    return str(asked.get("mode") or FORM)


def can_be_asked(asked: Asked) -> bool:
    """Whether a person can be shown it: a form of plain values, or an address to open."""
    if mode_of(asked) == URL:
        return _is_address(asked.get("url"))
    schema = asked.get("requestedSchema")
    if mode_of(asked) != FORM or not isinstance(schema, Mapping) or len(canonical(schema)) > _LONGEST_SCHEMA:
        return False
    fields = schema.get("properties")
    if not isinstance(fields, Mapping) or len(fields) > _MOST_FIELDS:
        return False
    plain = all(isinstance(field, Mapping) and field.get("type", "string") in _TYPES for field in fields.values())
    return plain and schema_problem("requestedSchema", schema) is None


def name_of(asked: Asked) -> str:
    """By this a question is known again when the server asks it once more, in a call that is made anew."""
    told = {name: part for name, part in asked.items() if name not in ("_meta", "elicitationId", "task")}
    return hashlib.sha256(canonical(told).encode(errors="replace")).hexdigest()


def filled_in(asked: Asked, given: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of a form as a person left them: those left out have what the server says they have then."""
    schema: Any = asked.get("requestedSchema")
    fields: Mapping[str, Any] = schema["properties"]
    usual = {name: field["default"] for name, field in fields.items() if "default" in field}
    return {name: given.get(name, usual.get(name)) for name in fields if name in given or name in usual}


def has_defaults(asked: Asked) -> bool:
    """Whether it is a form that needs nothing beside what the server says is usual."""
    schema: Any = asked.get("requestedSchema")
    return mode_of(asked) == FORM and filled_in(asked, {}).keys() >= set(schema.get("required") or ())


def _is_address(url: Any) -> bool:
    if not isinstance(url, str) or len(url) > _LONGEST_ADDRESS or not url.isascii() or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
