"""A brake for each provider and key, shared by all processes: who is told to come later tells the others.

It lives in Redis, is only a hint, and ends by itself: without Redis nobody is held. Keys are known by a fingerprint.
"""

import logging
import time
from dataclasses import dataclass
from hashlib import sha256

import redis

from julep_project.core.redis_client import redis_client

log = logging.getLogger(__name__)

_PREFIX = "julep:brake:"
_TIMEOUT_S = 0.25
# Redis was not there: for so long it is not asked again, so that nobody waits for it with every call.
_LEFT_ALONE_S = 5.0
_away_until = 0.0

# What is held comes back spread over some time: the longer, the more often the brake was used shortly before.
_FIRST_SPREAD_S = 0.5
_LONGEST_SPREAD_S = 120.0
_MOST_LEVELS = 5
_REMEMBERED_S = 60.0


@dataclass(frozen=True, slots=True)
class Pressed:
    """For how long nobody should ask, and over how long those who wait should spread out afterwards."""

    left_s: float
    spread_s: float


def name_of(*parts: str) -> str:
    """The name of a brake; no part can be read from it."""
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def look(name: str) -> Pressed | None:
    """The brake as it stands; None when it is off, or Redis is away."""
    if time.monotonic() < _away_until:
        return None
    try:
        pipeline = _client().pipeline(transaction=False)
        pipeline.get(_PREFIX + name)
        pipeline.pttl(_PREFIX + name)
        spread_ms, left_ms = pipeline.execute()
    except redis.RedisError:
        _leave_alone()
        return None
    return Pressed(left_ms / 1000, int(spread_ms) / 1000) if spread_ms is not None and left_ms > 0 else None


def press(name: str, seconds: float) -> Pressed:
    """Hold everybody for so long, longer if they are held for longer already."""
    wanted = Pressed(seconds, _FIRST_SPREAD_S)
    if time.monotonic() < _away_until:
        return wanted
    try:
        return _press(_client(), name, max(int(seconds * 1000), 1))
    except redis.RedisError:
        _leave_alone()
        return wanted


def _press(client: redis.Redis, name: str, wait_ms: int) -> Pressed:
    """Of many that are refused at the same time, the first one counts."""
    key, level_key = _PREFIX + name, f"{_PREFIX}level:{name}"
    if client.set(key, b"0", px=wait_ms, nx=True):
        level = min(int(client.incr(level_key)), _MOST_LEVELS)
        client.pexpire(level_key, 2 * wait_ms + int(_REMEMBERED_S * 1000))
        spread_s = min(max(wait_ms / 1000, _FIRST_SPREAD_S) * 2 ** (level - 1), _LONGEST_SPREAD_S)
        client.set(key, int(spread_s * 1000), xx=True, keepttl=True)
    elif int(client.pttl(key)) < wait_ms:
        client.pexpire(key, wait_ms)
    return look(name) or Pressed(wait_ms / 1000, _FIRST_SPREAD_S)


def _leave_alone() -> None:
    global _away_until
    _away_until = time.monotonic() + _LEFT_ALONE_S
    log.warning("brakes not known; nobody is held")


def _client() -> redis.Redis:
    return redis_client(_TIMEOUT_S, _TIMEOUT_S)
