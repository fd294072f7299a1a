"""Ids that tell the time: what was made since then is a range of them."""

from datetime import datetime
from uuid import UUID


def first_id(moment: datetime) -> UUID:
    """No row that was made later has a smaller id."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
