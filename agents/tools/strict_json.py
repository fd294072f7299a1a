"""Reads JSON that others wrote, as far as the database can hold it."""

import json
from typing import Any, NoReturn

from julep_project.core.jsontext import NotStorable, to_json_text


def parse_json(content: bytes) -> Any:
    """The value, or None when the text is not JSON or is something Postgres cannot store (NaN, NUL in a text)."""
    try:
        value = json.loads(content, parse_constant=_refuse)
        to_json_text(value)
    except (ValueError, RecursionError, NotStorable):
        return None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
