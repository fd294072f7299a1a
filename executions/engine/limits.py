"""Sizes the engine enforces."""

from typing import Any

from django.conf import settings

from julep_project.core.jsontext import NotStorable, to_json_text


class OutputTooLarge(NotStorable):
    """A step's output is larger than the limit."""


def storable_text(value: Any) -> str:
    """JSON text of a step's output.

    Raises:
        NotStorable: JSON cannot hold it.
        OutputTooLarge: it is over `MAX_STEP_OUTPUT_BYTES`.
    """
    text = to_json_text(value)
    limit = settings.MAX_STEP_OUTPUT_BYTES
    if len(text) > limit or len(text) * 4 > limit and len(text.encode()) > limit:
        raise OutputTooLarge(f"the output is larger than {limit} bytes (setting MAX_STEP_OUTPUT_BYTES)")
    return text
