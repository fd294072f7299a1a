"""The place in a list from which a page goes on: what its last row is ordered by. No page counts or skips rows."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest

PAGE = 50
# A file has more of a list than a page.
FILE = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Right behind the row of this time and id."""

    at: datetime
    id: UUID

    def token(self) -> str:
        """As it stands in an address."""
        told = json.dumps([self.at.isoformat(), str(self.id)])
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def read_place(token: str | None) -> Place | None:
    """The place of a token; None without one.

    Raises:
        BadRequest: it was not made here.
    """
    if not token:
        return None
    try:
        at, row_id = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return Place(datetime.fromisoformat(at), UUID(row_id))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise BadRequest("The place in the list is not valid") from None


def split(rows: Sequence[Any], size: int) -> tuple[Sequence[Any], bool]:
    """The rows of a page of one row more than its size, and whether others follow."""
    return rows[:size], len(rows) > size
