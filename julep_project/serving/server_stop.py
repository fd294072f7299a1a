"""How a server process stops: it takes no more connections, ends streams that can be resumed, lets requests end.

The server in front closes what is idle and waits for what is not, but for ever; this is what makes that wait end. Turns
and responses that have not ended when the time is over are handed back, and the process ends with the connections that
are left.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from django.conf import settings

from julep_project.core.live.events import HUB
from julep_project.core.telemetry import process as telemetry
from julep_project.core.work import draining, renewing

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_POLL_S = 0.1
# For answers that are on their way to their clients.
_FINISH_S = 3.0

_requests = 0


@contextmanager
def under_way() -> Iterator[None]:
    """A request is served in this block, on the event loop."""
    global _requests
    _requests += 1
    try:
        yield
    finally:
        _requests -= 1


def stop_in_time() -> None:
    """Hear of the signals that make the server stop, beside the server itself. Call it on the running event loop."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        signal.signal(number, partial(_ask, loop))


async def last_words() -> None:
    """Return when nothing is being recorded any more: some requests outlive their connections for that."""
    while (_requests or renewing.is_held()) and draining.time_left_s() > 0:
        await asyncio.sleep(_POLL_S)


def _ask(loop: asyncio.AbstractEventLoop, number: int, frame: FrameType | None) -> None:
    is_first = not draining.is_draining()
    draining.ask()
    if is_first:
        loop.call_soon_threadsafe(_begin)


def _begin() -> None:
    log.info("server takes no more requests", extra={"drain_seconds": settings.DRAIN_SECONDS, "requests": _requests})
    # Streams look at once whether they are to end.
    HUB.wake(None)
    threading.Thread(target=_end_in_time, name="drain", daemon=True).start()


def _end_in_time() -> None:
    """The server ends the process when the last request has ended; this does when that takes too long."""
    if draining.drain(lambda: _requests == 0, lambda: _requests):
        while draining.time_left_s() > 0:
            time.sleep(_POLL_S)
        time.sleep(_FINISH_S)
    log.warning("requests did not end in time", extra={"requests": _requests})
    telemetry.end()
    logging.shutdown()
    os._exit(0)
