"""A form for an answer that a JSON schema describes: as far as it is an object of plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_FIELDS = 30
_CHOSEN = ("yes", "no", "on")
_INPUTS = {"string": "text", "integer": "number", "number": "number", "boolean": "checkbox"}


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the object. `input` is its control; of a `choice` neither yes nor no is chosen at first."""

    name: str
    type: str
    input: str
    title: str
    help: str
    choices: tuple[str, ...]
    is_required: bool
    default: Any


def fields_of(schema: Any) -> list[Field]:
    """The fields; none where the schema asks for something that a form cannot give."""
    if not isinstance(schema, Mapping):
        return []
    properties, required = schema.get("properties"), schema.get("required")
    if schema.get("type") != "object" or not isinstance(properties, Mapping) or len(properties) > _MOST_FIELDS:
        return []
    names = required if isinstance(required, list) else []
    found = [_field(str(name), spec, name in names) for name, spec in properties.items()]
    return [] if None in found else [one for one in found if one is not None]


def _field(name: str, spec: Any, is_required: bool) -> Field | None:
    if not isinstance(spec, Mapping):
        return None
    choices = spec.get("enum")
    type_ = str(spec.get("type", "string"))
    if type_ not in _INPUTS or (choices is not None and not _are_texts(choices)):
        return None
    return Field(
        name=name,
        type=type_,
        input="select" if choices else _input(type_, spec, is_required),
        title=str(spec.get("title") or name)[:200],
        help=str(spec.get("description") or "")[:500],
        choices=tuple(choices or ()),
        is_required=is_required,
        default=spec.get("default", ""),
    )


def _input(type_: str, spec: Mapping[str, Any], is_required: bool) -> str:
    if spec.get("format") == "textarea":
        return "textarea"
    # Whoever only presses the button has not decided.
    return "choice" if type_ == "boolean" and is_required and "default" not in spec else _INPUTS[type_]


def _are_texts(choices: Any) -> bool:
    return isinstance(choices, list) and len(choices) <= 200 and all(isinstance(one, str) for one in choices)


def read_answer(fields: list[Field], given: Mapping[str, str]) -> dict[str, Any]:
    """The object that a filled-in form stands for; empty fields that need not be there are left out.

    Raises:
        ValueError: a field is not what it has to be.
    """
    answer: dict[str, Any] = {}
    for field in fields:
        text = given.get(f"field-{field.name}", "")
        if field.input == "choice" and text not in _CHOSEN:
            raise ValueError(f"{field.title}: choose yes or no")
        if field.type == "boolean":
            answer[field.name] = text in ("on", "yes")
        elif text or field.is_required:
            answer[field.name] = _read(field, text)
    return answer


def _read(field: Field, text: str) -> Any:
    if field.choices and text not in field.choices:
        raise ValueError(f"{field.title}: choose one of {', '.join(field.choices)}")
    try:
        if field.type == "integer":
            return int(text)
        return float(text) if field.type == "number" else text
    except ValueError:
        raise ValueError(f"{field.title}: {text!r} is no number") from None
