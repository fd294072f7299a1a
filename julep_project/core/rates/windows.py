"""Counts requests in a moving minute, and streams that are open, for all processes together.

One round trip to Redis for a request, whatever is counted of it; none where there is no limit. The library `limits`
counts in the same way, but asks for each limit by itself, and again for what is left. Redis is asked for no longer than
a moment: without it nobody is refused.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import redis
from django.conf import settings

from julep_project.core.process.once import Once
from julep_project.core.rates.errors import TooManyRequests, TooManyStreams
from julep_project.core.rates.limits import Limits
from julep_project.core.redis_client import new_redis_client

log = logging.getLogger(__name__)

_PREFIX = "julep:rate:"
_WINDOW_MS = 60_000
# Redis was not there: for so long it is not asked again.
_LEFT_ALONE_S = 5.0
_TIMEOUT_S = 0.25
_away_until = 0.0

# KEYS: of all keys, of this key, streams. ARGV: their limits, window, name of this request, lease of a stream, all in
# milliseconds. Gives which limit refuses (0: none), the limit that is nearest, what is left of it, and when more is.
_TAKE = """
local told = redis.call('TIME')
local now = told[1] * 1000 + math.floor(told[2] / 1000)
local window, name, lease = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local nearest, left, reset = 0, -1, 0
for at = 1, 2 do
    local limit = tonumber(ARGV[at])
    if limit > 0 then
        redis.call('ZREMRANGEBYSCORE', KEYS[at], '-inf', now - window)
        local count = redis.call('ZCARD', KEYS[at])
        if count >= limit then
            local oldest = redis.call('ZRANGE', KEYS[at], count - limit, count - limit, 'WITHSCORES')
            return {at, limit, 0, oldest[2] + window - now}
        end
        if left < 0 or limit - count - 1 < left then
            local oldest = redis.call('ZRANGE', KEYS[at], 0, 0, 'WITHSCORES')
            nearest, left = limit, limit - count - 1
            reset = oldest[2] and (oldest[2] + window - now) or window
        end
    end
end
local streams = tonumber(ARGV[3])
if streams > 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
    if redis.call('ZCARD', KEYS[3]) >= streams then return {3, streams, 0, 1000} end
    redis.call('ZADD', KEYS[3], now + lease, name)
    redis.call('PEXPIRE', KEYS[3], lease)
end
for at = 1, 2 do
    if tonumber(ARGV[at]) > 0 then
        redis.call('ZADD', KEYS[at], now, name)
        redis.call('PEXPIRE', KEYS[at], window)
    end
end
return {0, nearest, left, reset}
"""

_RENEW = """
local told = redis.call('TIME')
local now = told[1] * 1000 + math.floor(told[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that was counted: what is told of the limit that is nearest, and the stream it holds."""

    headers: Mapping[str, str]
    stream: tuple[str, str] | None = None


NOT_COUNTED = Taken({})


def take(developer_id: UUID, key: str, limits: Limits, *, is_stream: bool) -> Taken:
    """Count a request of this key, and a stream until `end_stream`.

    Raises:
        TooManyRequests, TooManyStreams
    """
    if is_left_alone():
        return NOT_COUNTED
    name = uuid4().hex
    names = [f"{_PREFIX}{developer_id}", f"{_PREFIX}{developer_id}:{key}", f"{_PREFIX}streams:{developer_id}"]
    streams = limits.streams if is_stream else 0
    counted = (limits.requests, limits.key_requests, streams)
    told: list[str | int] = [*counted, _WINDOW_MS, name, settings.LEASE_SECONDS * 1000]
    try:
        refused, limit, left, reset_ms = _take()(keys=names, args=told)
    except redis.RedisError as error:
        leave_alone(error)
        return NOT_COUNTED
    headers = _headers(int(limit), int(left), int(reset_ms)) if refused or left >= 0 else {}
    if int(refused) == 3:
        raise TooManyStreams
    if refused:
        raise TooManyRequests(wait_s=int(reset_ms) / 1000, headers=headers)
    stream = (names[2], name) if streams else None
    if stream is not None:
        _OPEN.add(stream)
    return Taken(headers, stream)


def end_stream(stream: tuple[str, str]) -> None:
    """The stream is over. May be said more than once."""
    if not _OPEN.drop(stream):
        return
    try:
        client().zrem(*stream)
    except redis.RedisError as error:
        leave_alone(error)


def _headers(limit: int, left: int, reset_ms: int) -> dict[str, str]:
    """Of requests, by our names and by those that clients of OpenAI know."""
    seconds = max(-(-reset_ms // 1000), 0)
    told = {"limit": str(limit), "remaining": str(left), "reset": str(seconds)}
    by_kind = {f"{name}-requests": value for name, value in {**told, "reset": f"{seconds}s"}.items()}
    return {f"x-ratelimit-{name}": value for name, value in (*told.items(), *by_kind.items())}


class _Open:
    """Streams of this process. They are renewed three times per lease, so that those of a lost process are over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: set[tuple[str, str]] = set()
        self._thread: threading.Thread | None = None

    def add(self, stream: tuple[str, str]) -> None:
        with self._lock:
            self._streams.add(stream)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._renew_for_ever, name="streams", daemon=True)
                self._thread.start()

    def drop(self, stream: tuple[str, str]) -> bool:
        with self._lock:
            known = stream in self._streams
            self._streams.discard(stream)
            return known

    def renew(self) -> None:
        with self._lock:
            streams = list(self._streams)
        if not streams:
            return
        pipeline = client().pipeline(transaction=False)
        for key, name in streams:
            _renew()(keys=[key], args=[settings.LEASE_SECONDS * 1000, name], client=pipeline)
        pipeline.execute()

    def _renew_for_ever(self) -> None:
        while True:
            time.sleep(settings.LEASE_SECONDS / 3)
            try:
                self.renew()
            except redis.RedisError as error:
                leave_alone(error)


_OPEN = _Open()


def is_left_alone() -> bool:
    """Whether Redis was away a moment ago, so that nothing is counted."""
    return time.monotonic() < _away_until


def leave_alone(error: Exception) -> None:
    """Redis is away: do not ask it for a while."""
    global _away_until
    if time.monotonic() >= _away_until:
        log.warning("requests and calls are not counted while Redis is away", extra={"reason": repr(error)})
    _away_until = time.monotonic() + _LEFT_ALONE_S


@Once
def client() -> redis.Redis:
    """The connections that counts are kept over."""
    return new_redis_client(connect_s=_TIMEOUT_S, answer_s=_TIMEOUT_S)


@Once
def _take() -> "redis.commands.core.Script":
    return client().register_script(_TAKE)


@Once
def _renew() -> "redis.commands.core.Script":
    return client().register_script(_RENEW)
