"""Counts calls of one thing in a moving period, for all processes together, and tells those that have to wait when.

Who waits is remembered with the place in the line, so that those who come back when they were told to do not all come
at once. Without Redis nobody waits; when it is wiped, counting begins anew.
"""

import redis

from julep_project.core.process.once import Once
from julep_project.core.rates.windows import client, is_left_alone, leave_alone

_PREFIX = "julep:calls:"
# Of who was told to wait and did not come back (a run that was cancelled): so many periods later the place is free.
_PATIENCE = 3

# KEYS: calls, line. ARGV: limit, period in milliseconds, who calls, patience. Gives 0, or in how many milliseconds to
# come again. The line is ordered by when somebody is to come: who was told is not told another time before that.
_TAKE = """
local told = redis.call('TIME')
local now = told[1] * 1000 + math.floor(told[2] / 1000)
local limit, period, name, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - period)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - patience * period)
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
redis.call('ZADD', KEYS[2], 'NX', at, name)
redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[2]), at - now + patience * period))
return math.max(at - now, 1)
"""


def take_turn(what: str, *, calls: int, period_s: int, caller: str) -> float:
    """Count a call of this thing by this caller: 0.0 if it may be made now, else the seconds until it is worth asking
    again. Of calls that may be made there are never more than that many in any such period."""
    if is_left_alone():
        return 0.0
    keys = [f"{_PREFIX}{{{what}}}", f"{_PREFIX}{{{what}}}:line"]
    try:
        wait_ms = _take()(keys=keys, args=[calls, period_s * 1000, caller, _PATIENCE])
    except redis.RedisError as error:
        leave_alone(error)
        return 0.0
    return int(wait_ms) / 1000


@Once
def _take() -> "redis.commands.core.Script":
    return client().register_script(_TAKE)
