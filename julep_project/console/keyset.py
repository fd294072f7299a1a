"""The place in a list from which a page goes on: what its last row is ordered by. No page counts or skips rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest

PAGE = 50
# A file has more of a list than a page.
FILE = 1000
_BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class Place:
    """Right behind the row of this time and id."""

    at: datetime
    id: UUID

    def token(self) -> str:
        """As it stands in an address."""
        return f"{self.at.isoformat()}{_BETWEEN}{self.id}"


def read_place(token: str | None) -> Place | None:
    """The place of a token; None without one.

    Raises:
        BadRequest: it was not made here.
    """
    if not token:
        return None
    at, _, row_id = token.partition(_BETWEEN)
    try:
        return Place(datetime.fromisoformat(at), UUID(row_id))
    except ValueError:
        raise BadRequest("The place in the list is not valid") from None


def split(rows: Sequence[Any], size: int) -> tuple[Sequence[Any], bool]:
    """The rows of a page of one row more than its size, and whether others follow."""
    return rows[:size], len(rows) > size


def read_id(token: str | None) -> UUID | None:
    """The id of the last row, where a list is in the order of ids; None without one.

    Raises:
        BadRequest
    """
    try:
        return UUID(token) if token else None
    except ValueError:
        raise BadRequest("The place in the list is not valid") from None
