"""Signs of life of processes nobody asks anything, kept in Redis and measured by its clock."""

import logging

import redis

from julep_project.core.redis_client import redis_client

log = logging.getLogger(__name__)

_PREFIX = "julep:heartbeat:"
KEPT_S = 24 * 3600


def beat(*names: str) -> None:
    """Say that each of these does its work. Never fails: a lost sign of life is only a warning too many."""
    try:
        with redis_client(1.0, 1.0).pipeline(transaction=False) as signs:
            for name in names:
                signs.set(_PREFIX + name, b"", ex=KEPT_S)
            signs.execute()
    except redis.RedisError:
        log.warning("heartbeat not written", extra={"heartbeat": ", ".join(names)})


def age_s(name: str) -> float | None:
    """Seconds since the last sign of life; None when there was none for a day, or Redis was wiped since.

    Raises:
        redis.RedisError
    """
    left_ms = redis_client(1.0, 1.0).pttl(_PREFIX + name)
    return None if left_ms < 0 else KEPT_S - left_ms / 1000
