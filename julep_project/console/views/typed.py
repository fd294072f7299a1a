"""What people type as JSON."""

from typing import Any

from julep_project.core.reading.outside_json import read_json

_LONGEST = 1024 * 1024


def read_typed(text: str, what: str) -> Any:
    """The value.

    Raises:
        ValueError: it is none, or too long. The message says what it was to be.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"{what} is too long")
    try:
        return read_json(text)
    except ValueError as error:
        raise ValueError(f"{what} is no JSON: {error}") from None
