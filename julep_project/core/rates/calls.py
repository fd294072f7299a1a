"""Counts calls of one thing in a moving period, for all processes together, and tells those that have to wait when.

Who promises to come back is remembered with the place in the line, so that not all come at once. Without Redis nobody
waits; when it is wiped, counting begins anew.
"""

import redis

from julep_project.core.process.once import Once
from julep_project.core.rates.windows import client, is_left_alone, leave_alone

_PREFIX = "julep:calls:"
# Who does not come when told to (a run that was cancelled) loses the place so much later. Whoever waits looks again at
# the latest after `LONGEST_WAIT_S`, and spreads out over half of that.
LONGEST_WAIT_S = 3600.0
_GRACE_MS = 30 * 60 * 1000
# Places in one line; who comes after that is told the time of the last.
_MOST_PLACES = 10_000

# KEYS: calls, line. ARGV: limit, period and grace in milliseconds, who calls, whether that one comes back, places.
# Gives 0, or in how many milliseconds to come again. The line is ordered by when somebody is to come: who was told is
# not told another time before that.
_TAKE = """
local told = redis.call('TIME')
local now = told[1] * 1000 + math.floor(told[2] / 1000)
local limit, period, grace, name = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - period)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - grace)
if redis.call('ZCARD', KEYS[1]) < limit then
    redis.call('ZREM', KEYS[2], name)
    redis.call('ZADD', KEYS[1], now, name .. ':' .. told[1] .. '.' .. told[2])
    redis.call('PEXPIRE', KEYS[1], period)
    return 0
end
local place = redis.call('ZRANK', KEYS[2], name)
if not place then place = redis.call('ZCARD', KEYS[2]) end
local index = redis.call('ZCARD', KEYS[1]) - limit + place % limit
local first = redis.call('ZRANGE', KEYS[1], index, index, 'WITHSCORES')
local at = first[2] + period * (1 + math.floor(place / limit))
if ARGV[5] == '1' and redis.call('ZCARD', KEYS[2]) < tonumber(ARGV[6]) then
    redis.call('ZADD', KEYS[2], 'NX', at, name)
    redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[2]), at - now + grace))
end
return math.max(at - now, 1)
"""


def take_turn(what: str, *, calls: int, period_s: int, caller: str, comes_again: bool) -> float:
    """Count a call of this thing by this caller: 0.0 if it may be made now, else the seconds until it is worth asking
    again. Of calls that may be made there are never more than that many in any such period. Who `comes_again`, under
    the same name, has a place in the line."""
    if is_left_alone():
        return 0.0
    keys = [f"{_PREFIX}{{{what}}}", f"{_PREFIX}{{{what}}}:line"]
    told: list[str | int] = [calls, period_s * 1000, _GRACE_MS, caller, int(comes_again), _MOST_PLACES]
    try:
        wait_ms = _take()(keys=keys, args=told)
    except redis.RedisError as error:
        leave_alone(error)
        return 0.0
    return int(wait_ms) / 1000


@Once
def _take() -> "redis.commands.core.Script":
    return client().register_script(_TAKE)
