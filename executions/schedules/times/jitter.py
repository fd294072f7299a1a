"""Spreads what is due at the same time, the same way whoever looks."""

from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

_BYTES = 6


def due_of(nominal: datetime, schedule_id: UUID, jitter_s: int) -> datetime:
    """When a time of a schedule is due: never before it, and less than so many seconds behind."""
    if not jitter_s:
        return nominal
    seed = schedule_id.bytes + str(int(nominal.timestamp() * 1000)).encode()
    drawn = int.from_bytes(blake2b(seed, digest_size=_BYTES).digest(), "big") / 256**_BYTES
    return nominal + timedelta(milliseconds=int(drawn * jitter_s * 1000))
