"""Entries of a 422 answer: where, what, which value, how to mend it, an example."""

import json
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from julep_project.core.errors import InvalidInput
from julep_project.core.schemas.json_schema import UnusableSchema, find_problems

Path = Sequence[str | int]

ABSENT = object()
# Stands for what was received, of a body that is told to nobody.
HIDDEN = object()
_SHOWN_CHARACTERS = 100
_LONGEST_ID = 45

# type: (message, fix, example). Bounds and choices are filled in from the keyword arguments of `problem`.
_KINDS: dict[str, tuple[str, str, Any]] = {
    "missing": ("Field required", "Add this required field to your request", None),
    "extra_forbidden": ("Extra inputs are not permitted", "Remove this field: it is not known here", None),
    "string_type": ("Input should be a valid string", "Provide text in quotes", "text value"),
    "int_type": ("Input should be a valid integer", "Provide a whole number", 42),
    "int_parsing": ("Input should be a valid integer", "Provide a whole number", 42),
    "float_type": ("Input should be a valid number", "Provide a number", 3.14),
    "bool_type": ("Input should be a valid boolean", "Provide true or false", True),
    "dict_type": ("Input should be a valid object", "Provide a JSON object", {"key": "value"}),
    "list_type": ("Input should be a valid list", "Provide a JSON array", ["item"]),
    "literal_error": ("Input should be {expected}", "Use the value {expected}", "{expected}"),
    "enum": ("Input should be one of {expected}", "Use one of the permitted values: {expected}", None),
    "string_too_short": (
        "String should have at least {bound} characters",
        "Provide text of at least {bound} characters",
        None,
    ),
    "string_too_long": (
        "String should have at most {bound} characters",
        "Shorten the text to at most {bound} characters",
        None,
    ),
    "greater_than_equal": (
        "Input should be greater than or equal to {bound}",
        "Provide a number greater than or equal to {bound}",
        None,
    ),
    "less_than_equal": (
        "Input should be less than or equal to {bound}",
        "Provide a number less than or equal to {bound}",
        None,
    ),
    "greater_than": ("Input should be greater than {bound}", "Provide a number greater than {bound}", None),
    "less_than": ("Input should be less than {bound}", "Provide a number less than {bound}", None),
    "too_short": ("List should have at least {bound} items", "Provide at least {bound} items", ["item"]),
    "too_long": ("List should have at most {bound} items", "Provide at most {bound} items", None),
    "string_pattern_mismatch": (
        "String should match pattern '{pattern}'",
        "Use text that matches the pattern {pattern}",
        None,
    ),
    "json_invalid": ("Invalid JSON", "Check the JSON text: quotes, commas and brackets", {"key": "value"}),
    "yaml_invalid": ("Invalid YAML", "Check the YAML text: indentation, quotes and colons", "key: value"),
    "uuid_parsing": (
        "Input should be a valid UUID",
        "Provide an id in UUID form",
        "123e4567-e89b-12d3-a456-426614174000",
    ),
    "datetime_parsing": (
        "Input should be a valid datetime",
        "Provide a date and time in ISO 8601 form",
        "2026-01-31T12:00:00Z",
    ),
    "url_parsing": ("Input should be a valid URL", "Provide a URL with http:// or https://", "https://example.com"),
    "email": ("Input should be a valid email address", "Provide an email address", "user@example.com"),
    "value_error": ("Value error", "Change this value as the message says", None),
}
KINDS = frozenset(_KINDS)


def problem(
    loc: Path,
    kind: str,
    *,
    msg: str | None = None,
    received: Any = ABSENT,
    fix: str | None = None,
    **params: Any,
) -> dict[str, Any]:
    """One entry. `params` are `bound`, `expected` or `pattern`, as the kind needs. A list that is too short, without a
    bound, has to hold something."""
    params = {"bound": 1, **params} if kind == "too_short" else params
    message, hint, example = _KINDS.get(kind, _KINDS["value_error"])
    entry: dict[str, Any] = {
        "loc": path_text(loc),
        "msg": msg or _filled(message, params),
        "type": kind,
        "received": "(missing)" if kind == "missing" else shown(HIDDEN if received is ABSENT else received),
        "fix": fix or _filled(hint, params),
    }
    sample = _example(kind, example, params)
    if sample is not None:
        entry["example"] = sample
    if kind == "string_too_long" and isinstance(received, str):
        entry["note"] = f"The text has {len(received)} characters"
    return entry


def invalid(loc: Path, kind: str, **fields: Any) -> InvalidInput:
    """An error with the one entry `problem` builds."""
    return InvalidInput([problem(loc, kind, **fields)])


def not_one_of(loc: Path, choices: Sequence[str], received: Any) -> InvalidInput:
    """An error about a value that is none of the choices."""
    return invalid(loc, "enum", received=received, choices=choices, expected=", ".join(choices))


def how_to_mend_name(name: str, known: Collection[str], noun: str = "field") -> str:
    """What to do about a name that is none of those that are known."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Remove the {noun}; known here: {', '.join(names) or 'none'}"


def as_object(value: Any, loc: Path, *, received: Any = ABSENT) -> Mapping[str, Any]:
    """The value, if it is an object. `received` is told in its place if it is not.

    Raises:
        InvalidInput
    """
    if not isinstance(value, Mapping):
        raise invalid(loc, "dict_type", received=value if received is ABSENT else received)
    return value


def path_text(loc: Path) -> str:
    """`items[0].name`; a leading `body` is left out."""
    parts = list(loc[1:] if loc and loc[0] == "body" else loc)
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(value: Any) -> str:
    """The value as text, shortened. Of a large one no more is written than is shown."""
    if value is HIDDEN:
        return "(not shown)"
    text = value if isinstance(value, str) else _beginning(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _beginning(value: Any) -> str:
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
        text += piece
        if len(text) > _SHOWN_CHARACTERS:
            break
    return text


def parse_uuid(text: str, *loc: str) -> UUID:
    """An id from a path, query or body.

    Raises:
        InvalidInput: it is not a UUID.
    """
    try:
        if len(text) > _LONGEST_ID:
            raise ValueError
        return UUID(text)
    except ValueError:
        raise invalid(loc, "uuid_parsing", received=text) from None


_FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}


def read_flag(query: Mapping[str, Any], name: str) -> bool:
    """A parameter of a query that is true or false; false when it is not given.

    Raises:
        InvalidInput: it is neither.
    """
    text = str(query.get(name, "")).lower()
    if text not in _FLAGS:
        raise invalid(("query", name), "bool_type", received=text)
    return _FLAGS[text]


def _filled(text: str, params: Mapping[str, Any]) -> str:
    if "{" not in text:
        return text
    return text.format_map({"bound": "the limit", "expected": "a permitted value", "pattern": "", **params})


def _example(kind: str, example: Any, params: Mapping[str, Any]) -> Any:
    bound = params.get("bound")
    if kind == "string_too_short" and isinstance(bound, int):
        return "x" * bound
    if kind in {"greater_than_equal", "less_than_equal"}:
        return bound
    if kind == "enum" and isinstance(params.get("choices"), Sequence):
        return params["choices"][0]
    return params.get("expected") if example == "{expected}" else example


def check_fits(schema: Any, value: Any, at: str) -> None:
    """Return if the value at this place fits the JSON schema; what is no schema asks for nothing.

    Raises:
        InvalidInput
    """
    if not isinstance(schema, Mapping):
        return
    try:
        problems = find_problems(schema, value)
    except UnusableSchema:
        return
    if problems:
        raise InvalidInput(
            [
                {**problem([at], "value_error"), "loc": f"{at}{found.path[1:]}", "msg": found.message}
                for found in problems
            ]
        )
