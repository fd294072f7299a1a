"""Counts calls of one thing in a moving period, for all processes together, and tells those that have to wait when.

Who waits is remembered with a place in a line: whoever comes later is let in before only where nobody is kept waiting
by that. Without Redis nobody waits; when it is wiped, counting begins anew.
"""

from dataclasses import dataclass
from random import random

import redis

from julep_project.core.process.once import Once
from julep_project.core.rates.windows import client, is_left_alone, leave_alone

_PREFIX = "julep:calls:"
# Who does not come when told to (a run that was cancelled) has lost the place so much later. Until then a turn is kept.
_LATE_MS = 15_000
# Who waits for longer looks in between, so that places that nobody has any more are known; a line of many looks less
# often, about ten times a second in all.
_LOOKS_MS = 60_000
_LOOKS_OF_EACH_MS = 100
LONGEST_LOOK_S = 900.0
# Places in one line; who comes after that is told the time of the last.
_MOST_PLACES = 10_000
_ENDLESS_MS = 10**15

# KEYS: calls, line (by when who has come first), and by when each is to come. ARGV: limit and period, who calls, for
# how long that one waits, how late one may come, how often who waits looks: at least, for each place, at most; places;
# a random number. All times are in milliseconds. Gives in how many there is a turn (0: now), and in how many to come.
_TAKE = """
local told = redis.call('TIME')
local now = told[1] * 1000 + math.floor(told[2] / 1000)
local limit, period, name, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local late, least, each, longest = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - period)
local gone
repeat
    gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - late, 'LIMIT', 0, 1000)
    if #gone > 0 then
        redis.call('ZREM', KEYS[2], unpack(gone))
        redis.call('ZREM', KEYS[3], unpack(gone))
    end
until #gone < 1000

local made, waiting = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2])
local free = math.max(limit - made, 0)
local place = redis.call('ZRANK', KEYS[2], name)
if (place or redis.call('ZCOUNT', KEYS[3], '-inf', now)) < free then
    redis.call('ZREM', KEYS[2], name)
    redis.call('ZREM', KEYS[3], name)
    redis.call('ZADD', KEYS[1], now, name .. ':' .. told[1] .. '.' .. told[2])
    redis.call('PEXPIRE', KEYS[1], period)
    return {0, 0}
end

local ahead = place or waiting
local turn = ahead - free
local index = math.max(made - limit, 0) + turn % limit
local first = redis.call('ZRANGE', KEYS[1], index, index, 'WITHSCORES')[2] or now
local wait = math.max(first + period * (1 + math.floor(turn / limit)) - now, 1)
if wait > patience or not (place or waiting < tonumber(ARGV[9])) then
    redis.call('ZREM', KEYS[2], name)
    redis.call('ZREM', KEYS[3], name)
    return {wait, math.min(wait, longest)}
end
local look = math.min(math.max(least, each * waiting), longest)
if wait > look then look = math.ceil(look * (1 + tonumber(ARGV[10])) / 2) else look = wait end
redis.call('ZADD', KEYS[2], 'NX', now + told[2] % 1000 / 1000, name)
redis.call('ZADD', KEYS[3], now + look, name)
redis.call('PEXPIRE', KEYS[2], longest + late)
redis.call('PEXPIRE', KEYS[3], longest + late)
return {wait, look}
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """When there is a turn, 0 if it is now; and when to ask for it again."""

    wait_s: float = 0.0
    again_s: float = 0.0


def take_turn(what: str, *, calls: int, period_s: int, caller: str, patience_s: float) -> Turn:
    """Count a call of this thing by this caller if it may be made now. Of such calls there are never more than that
    many in any such period. Who waits so long has a place in the line under its name, until it does not come."""
    if is_left_alone():
        return Turn()
    key = f"{_PREFIX}{{{what}}}"
    patience_ms = int(min(max(patience_s, 0.0) * 1000, _ENDLESS_MS))
    looks: list[float] = [_LATE_MS, _LOOKS_MS, _LOOKS_OF_EACH_MS, int(LONGEST_LOOK_S * 1000), _MOST_PLACES, random()]
    try:
        told = _take()(
            keys=[key, f"{key}:places", f"{key}:due"], args=[calls, period_s * 1000, caller, patience_ms, *looks]
        )
    except redis.RedisError as error:
        leave_alone(error)
        return Turn()
    wait_ms, again_ms = map(int, told)
    return Turn(wait_ms / 1000, again_ms / 1000)


@Once
def _take() -> "redis.commands.core.Script":
    return client().register_script(_TAKE)
