"""What the people who run the installation are told of chats: one line when one starts, one when it ends or fails."""

import logging
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from agents.spending.attribution import attributed
from julep_project.core.telemetry.registry import CHAT_SECONDS, CHATS

log = logging.getLogger("sessions.chats")


async def observed(session_id: UUID, chat_id: str, carry_out: Callable[[], Awaitable[None]]) -> None:
    """Carry out a chat, and tell of it."""
    began = time.monotonic()
    with attributed(session_id=session_id):
        log.info("chat started", extra={"chat_id": chat_id})
        try:
            await carry_out()
        except BaseException as error:
            fields = {"error_type": type(error).__name__, "seconds": _count("failed", began)}
            log.warning("chat failed", extra={"chat_id": chat_id, **fields})
            raise
        log.info("chat ended", extra={"chat_id": chat_id, "seconds": _count("succeeded", began)})


def _count(result: str, began: float) -> float:
    seconds = time.monotonic() - began
    CHATS.add(result)
    CHAT_SECONDS.observe(seconds)
    return round(seconds, 3)
