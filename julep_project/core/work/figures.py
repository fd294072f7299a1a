"""How kinds of work stand: what is counted in Redis as it happens, and what their rows say."""

import logging
from dataclasses import dataclass
from typing import Any

import redis

from julep_project.core.redis_client import redis_client

log = logging.getLogger(__name__)

_PREFIX = "julep:work:"
_TIMEOUT_S = 0.25


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows that are due with nobody at work on them, for how long the first of them has been, and rows at work on.

    Large numbers are told as no more than `MOST`. `claimed` and `lost` (claims whose lease ran out) are counted since
    Redis was wiped last.
    """

    due: int
    oldest_s: float
    running: int
    claimed: int = 0
    lost: int = 0


# Rows are counted no further.
MOST = 10_000


def count(work: str, event: str) -> None:
    """One more of these. Never fails: what is not counted is only missing in a sum."""
    try:
        redis_client(_TIMEOUT_S, _TIMEOUT_S).hincrby(_PREFIX + work, event)
    except redis.RedisError:
        log.debug("not counted", extra={"work": work, "event": event})


def counted(work: str) -> dict[str, int]:
    """How often each event happened.

    Raises:
        redis.RedisError
    """
    found: Any = redis_client(_TIMEOUT_S, _TIMEOUT_S).hgetall(_PREFIX + work)
    return {name.decode(): int(number) for name, number in found.items()}
