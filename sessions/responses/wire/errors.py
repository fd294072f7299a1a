"""Errors that name their place in a request."""

from typing import TypeVar

from julep_project.core.errors import DomainError, NotFound
from julep_project.core.reading.validation import path_text

Located = TypeVar("Located", bound=DomainError)


def at(error: Located, *loc: str | int) -> Located:
    """The error, with its place."""
    error.param = path_text(loc)
    return error


def item_not_found(item_id: str) -> NotFound:
    """What is said where there is no such item."""
    return NotFound(f"Item with id '{item_id[:80]}' not found.")
