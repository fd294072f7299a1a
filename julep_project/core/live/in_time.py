"""Answers that are waited for as a whole."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from django.conf import settings

from julep_project.core.errors import AnswerTimedOut

Answered = TypeVar("Answered")


async def answered_in_time(answering: Awaitable[Answered]) -> Answered:
    """The answer, which may take as long as a chat. What takes longer is cancelled.

    Raises:
        AnswerTimedOut
    """
    try:
        async with asyncio.timeout(settings.CHAT_TIMEOUT_S) as limit:
            return await answering
    except TimeoutError:
        if limit.expired():
            raise AnswerTimedOut from None
        raise
