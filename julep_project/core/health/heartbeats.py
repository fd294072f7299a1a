"""Signs of life of processes nobody asks anything, kept in Redis and measured by its clock."""

import logging

import redis

from julep_project.core.redis_client import redis_client

log = logging.getLogger(__name__)

_PREFIX = "julep:heartbeat:"
KEPT_S = 24 * 3600


def beat(name: str) -> None:
    """Say that the process does its work. Never fails: a lost sign of life is only a warning too many."""
    try:
        redis_client(1.0, 1.0).set(_PREFIX + name, b"", ex=KEPT_S)
    except redis.RedisError:
        log.warning("heartbeat not written", extra={"heartbeat": name})


def age_s(name: str) -> float | None:
    """Seconds since the last sign of life; None when there was none for a day, or Redis was wiped since.

    Raises:
        redis.RedisError
    """
    left_ms = redis_client(1.0, 1.0).pttl(_PREFIX + name)
    return None if left_ms < 0 else KEPT_S - left_ms / 1000
