"""Streams end when their caller would be refused: its key was revoked or has expired, its developer is switched off."""

import asyncio
import logging
from functools import partial
from typing import Protocol
from weakref import WeakKeyDictionary

from julep_project.core.api.auth import Admission, authenticator
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.5


class Refusable(Protocol):
    """Somebody to whom something is being said."""

    def refuse(self, why: DomainError) -> None:
        """End it, and tell why."""


class _Watch:
    """The open streams of one event loop. All are looked at in one go, which asks for each key once."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[Refusable, Admission] = WeakKeyDictionary()
        self._task: asyncio.Task[None] | None = None

    def add(self, stream: Refusable, admission: Admission) -> None:
        self._open[stream] = admission
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_for_ever())

    async def _look_for_ever(self) -> None:
        while self._open:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self._look()
            except Exception:
                # While nobody can be asked, nobody is refused.
                log.warning("callers of open streams not looked at", exc_info=True)

    async def _look(self) -> None:
        admissions = set(self._open.values())
        refused = await run_query(partial(authenticator().refusals, admissions)) if admissions else {}
        for stream, admission in list(self._open.items()) if refused else ():
            if admission in refused:
                del self._open[stream]
                stream.refuse(refused[admission])


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch] = WeakKeyDictionary()


def watch(stream: Refusable, admission: Admission) -> None:
    """Refuse the stream some seconds after its caller would be, for as long as somebody holds it."""
    loop = asyncio.get_running_loop()
    if loop not in _watches:
        _watches[loop] = _Watch()
    _watches[loop].add(stream, admission)
