"""Reads JSON that others wrote, as far as the database can hold it."""

import json
from typing import Any

from julep_project.core.reading.jsontext import NotStorable, to_json_text
from julep_project.core.reading.outside_json import TooMuchJson, read_json


def parse_json(content: bytes) -> Any:
    """The value, or None when the text is not JSON or is something Postgres cannot store (NaN, NUL in a text).

    Raises:
        TooMuchJson: it is nested too deep, or has too many parts.
    """
    try:
        value = read_json(_as_utf8(content))
        to_json_text(value)
    except TooMuchJson:
        raise
    except (ValueError, NotStorable):
        return None
    return value


def _as_utf8(content: bytes) -> bytes:
    """Some servers send UTF-16, or a mark at the beginning."""
    encoding = json.detect_encoding(content)
    return content if encoding == "utf-8" else content.decode(encoding).encode()
