"""Questions to a client while it waits for what it has asked itself, in the generation of the protocol with a
handshake: each goes out on the stream of the client's request, and is answered by another request.

No process knows sessions. What a client can be asked it says once, and tells again with each request, for the id of its
session says nothing else. An answer may reach any process: Redis carries it to the one that waits. Where Redis is away
nobody is asked, and what it forgets is as if nobody had answered.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import redis
from django.core import signing

from julep_project.core.api.auth import Principal
from julep_project.core.live.events import HUB, Listener, publish
from julep_project.core.live.reader import in_background
from julep_project.core.process.once import Once
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.outside_json import read_json
from julep_project.core.redis_client import redis_client
from julep_project.core.work.draining import is_draining

log = logging.getLogger(__name__)

ELICITATION, SAMPLING = "elicitation", "sampling"
_ABILITY = {"elicitation/create": ELICITATION, "sampling/createMessage": SAMPLING}
LARGEST_ANSWER = 64 * 1024
# Of what is asked on one stream.
_MOST_ASKED = 20
_LONGEST_NUMBER = 64
_PREFIX = "julep:mcp:question:"
_SALT = "julep.mcp.session"
# An answer that arrives when the time is over is refused, and one that has arrived is picked up at once.
_KEPT_S = 10
# Events arrive over Redis; this is how late it may be noticed while they do not.
_LOOKS_EVERY_S = 2.0
# The first answer counts, and only while the question is open.
_TAKE = "if redis.call('GET', KEYS[1]) ~= '' then return 0 end redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL') return 1"

Say = Callable[[Mapping[str, Any]], Awaitable[None]]


class NotAnswered(Exception):
    """The client cannot be asked this, does not want to answer, or has not answered in time."""


class UnknownSession(Exception):
    """No id of a session of this developer's."""


def session_id_for(principal: Principal, capabilities: object) -> str | None:
    """The id of the session of a client that says what it can; None if there is nothing that it can be asked."""
    said: Mapping[str, Any] = capabilities if isinstance(capabilities, Mapping) else {}
    elicitation = said.get(ELICITATION)
    # To be asked by forms is what those mean that say no more.
    shows_forms = isinstance(elicitation, Mapping) and (not elicitation or "form" in elicitation)
    abilities = [ELICITATION] if shows_forms else []
    abilities += [SAMPLING] if isinstance(said.get(SAMPLING), Mapping) else []
    told = [str(principal.developer.pk), *abilities]
    return signing.dumps(told, salt=_SALT) if abilities else None


def abilities_of(principal: Principal, session_id: str) -> frozenset[str]:
    """What the client of a session can be asked.

    Raises:
        UnknownSession: it begins another one then.
    """
    try:
        developer_id, *abilities = signing.loads(session_id, salt=_SALT)
    except signing.BadSignature:
        raise UnknownSession from None
    if developer_id != str(principal.developer.pk):
        raise UnknownSession
    return frozenset(abilities)


class Line:
    """To the client of one request, as long as that is at work; `say` puts a message on its stream."""

    def __init__(self, principal: Principal, abilities: frozenset[str], say: Say) -> None:
        self.abilities = abilities
        self._principal = principal
        self._say = say
        self._asked = 0

    async def ask(self, method: str, params: Mapping[str, Any], *, seconds: float) -> Mapping[str, Any]:
        """What the client answers.

        Raises:
            NotAnswered
        """
        if _ABILITY[method] not in self.abilities or self._asked >= _MOST_ASKED:
            raise NotAnswered(f"the client cannot be asked {method}, or no more")
        self._asked += 1
        number = secrets.token_urlsafe(24)
        name = _name(self._principal, number)
        try:
            await _at_redis(_open, name, seconds)
            with HUB.listening(_topic(number)) as listener:
                await self._say({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
                answer = await self._answer(listener, name, number, seconds)
        except asyncio.CancelledError:
            # Whoever asked the client has gone, with its stream.
            in_background(_let_go(name))
            raise
        return _result(answer)

    async def _answer(self, listener: Listener, name: str, number: str, seconds: float) -> bytes:
        try:
            return await _wait(listener, name, seconds)
        except NotAnswered:
            about = {"requestId": number, "reason": "nobody waits for it any more"}
            await self._say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": about})
            raise


def take_answer(principal: Principal, number: object, answer: bytes) -> bool:
    """Hand an answer to whoever waits for it. False: nobody waits for an answer of this number from this caller, or
    not any more.

    Raises:
        redis.RedisError
    """
    if not isinstance(number, str) or len(number) > _LONGEST_NUMBER:
        return False
    if not _take()(keys=[_name(principal, number)], args=[answer]):
        return False
    publish(_topic(number))
    return True


async def _wait(listener: Listener, name: str, seconds: float) -> bytes:
    """The answer. None is taken any more when this ends.

    Raises:
        NotAnswered
    """
    until = time.monotonic() + seconds
    while True:
        answer: bytes | None = await _at_redis(_look, name)
        left = until - time.monotonic()
        if answer is not None:
            return answer
        if left <= 0 or is_draining():
            answer = await _at_redis(_last, name)
            if not answer:
                raise NotAnswered("the client has not answered in time")
            return bytes(answer)
        await listener.wait(min(left, _LOOKS_EVERY_S))


def _name(principal: Principal, number: str) -> str:
    """Whoever has another key than who was asked has no name for it."""
    actor = principal.actor
    return f"{_PREFIX}{principal.developer.pk}:{actor.kind.value}:{actor.id}:{number}"


def _topic(number: str) -> str:
    return f"mcp:{number}"


@Once
def _take() -> Any:
    return redis_client().register_script(_TAKE)


def _open(name: str, seconds: float) -> None:
    redis_client().set(name, b"", ex=int(seconds) + _KEPT_S)


def _look(name: str) -> bytes | None:
    """The answer, once: None while there is none.

    Raises:
        NotAnswered: Redis has forgotten the question.
    """
    found: Any = redis_client().get(name)
    if found is None:
        raise NotAnswered("the question was lost")
    return _last(name) if found else None


def _last(name: str) -> bytes | None:
    """What has been answered until now, of what is closed with that; empty if nothing."""
    both: Any = redis_client().pipeline()
    found, _ = both.get(name).delete(name).execute()
    return None if found is None else bytes(found)


async def _let_go(name: str) -> None:
    with suppress(NotAnswered):
        await _at_redis(_last, name)


async def _at_redis(work: Callable[..., Any], *given: Any) -> Any:
    try:
        return await in_thread(work, *given)
    except redis.RedisError as error:
        log.warning("client not asked", extra={"action": "mcp_client_not_asked", "error": type(error).__name__})
        raise NotAnswered("the answer could not be carried") from error


def _result(answer: bytes) -> Mapping[str, Any]:
    said = read_json(answer)
    result = said.get("result")
    if not isinstance(result, Mapping):
        raise NotAnswered("the client answers with an error")
    return result
