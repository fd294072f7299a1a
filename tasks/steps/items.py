"""What a loop goes over."""

from typing import Any

from tasks.steps.outcomes import Fail


def items_of(value: Any) -> list[Any] | Fail:
    """The items: those of a list, the keys of an object. A text has none: its characters are never what was meant."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value)
    return Fail(f"expected a list or an object to go over, got {type(value).__name__}", "TypeError")
