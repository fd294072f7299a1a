"""Providers that want to be asked less: what they say is kept to, by every process that uses the same key."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from django.conf import settings

from julep_project.core import brake
from julep_project.core.errors import RateLimited
from julep_project.core.work.backoff import Backoff

Answer = TypeVar("Answer")

# When a provider does not say for how long.
_UNNAMED_S = 1.0
_PAUSES = Backoff(first_s=0.5, cap_s=4.0)


def admit(provider: str, api_key: str | None) -> None:
    """Go on unless the provider said a moment ago that it takes no more requests of this key.

    Raises:
        RateLimited: it was not asked.
    """
    held = brake.look(_brake(provider, api_key))
    if held is not None:
        message = f"{provider} takes no more requests of this key for {held.left_s:.1f} s"
        raise RateLimited(message, wait_s=held.left_s, spread_s=held.spread_s, is_sent=False)


def told_to_wait(error: RateLimited, provider: str, api_key: str | None) -> None:
    """Let everybody who uses this key wait, and the error say so."""
    held = brake.press(_brake(provider, api_key), _UNNAMED_S if error.wait_s is None else error.wait_s)
    error.wait_s, error.spread_s = held.left_s, held.spread_s


async def with_patience(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer, for somebody who waits for it. One who is told to come again soon does so.

    Raises:
        RateLimited: all in all it would take longer than `RATE_LIMIT_WAIT_S`.
    """
    left_s = float(settings.RATE_LIMIT_WAIT_S)
    for attempt in count(1):
        try:
            return await ask()
        except RateLimited as error:
            pause_s = _PAUSES.pause_s(attempt, hint_s=error.wait_s)
            if pause_s > left_s:
                raise
        left_s -= pause_s
        await asyncio.sleep(pause_s)
    raise AssertionError("unreachable")


def _brake(provider: str, api_key: str | None) -> str:
    """Without a key of the caller's, the server's is used."""
    return brake.name_of("model", provider, api_key or "")
