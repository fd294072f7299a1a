"""How a worker stops: it takes no more messages, lets calls end for a while, hands back the rest, and ends.

In place of Celery's own ways. Of those one waits for as long as the longest call; the other wants to kill what runs,
which threads cannot be, and so leaves every call to its lease. All signals mean the same here, whatever
`REMAP_SIGTERM` says: the first one is a request, the second one a hurry.
"""

import logging
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from celery import bootsteps
from celery.platforms import EX_OK
from celery.worker import state
from django.conf import settings

from julep_project.core.process import memory
from julep_project.core.telemetry import process as telemetry
from julep_project.core.work import draining

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_POLL_S = 0.1
_LOOK_EVERY_S = 5.0
# A limit below what a worker needs to begin with would replace it for ever.
_FLOOR = 1.25
# A pool of processes gets this long to take in what its children have just done.
_FINISH_S = 5.0
_BEAT_S = 2.0


class StopStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Begun after the pool, so stopped before it and after the consumer of messages."""

    requires = ("celery.worker.components:Pool", "celery.worker.components:Timer")

    def start(self, worker: Any) -> None:
        """Take the signals over; Celery has installed its own handlers by now."""
        for number in _SIGNALS:
            signal.signal(number, _ask)
        # Children of a pool of processes are replaced by the pool.
        if settings.PROCESS_MEMORY_MB and hasattr(worker.pool, "executor"):
            worker.timer.call_repeatedly(_LOOK_EVERY_S, _Retirement().look)

    def stop(self, worker: Any) -> None:
        """Return when everything under way has ended; otherwise hand the rest back and end the process."""
        log.info("worker takes no more messages", extra={"drain_seconds": settings.DRAIN_SECONDS})
        executor = getattr(worker.pool, "executor", None)
        if executor is None:
            # Slices are short, and the pool waits for them.
            threading.Thread(target=_end_in_time, name="drain", daemon=True).start()
            return
        ender = threading.Thread(target=executor.shutdown, kwargs={"cancel_futures": True}, name="drain", daemon=True)
        ender.start()
        if not draining.drain(lambda: not ender.is_alive(), lambda: len(state.active_requests)):
            # Messages that were not dealt with go back into their queues with the channel.
            worker.consumer.shutdown()
            _end()

    terminate = stop


class _Retirement:
    """Ends a worker that holds too much memory, as if it had been told to stop; somebody starts another one."""

    def __init__(self) -> None:
        self._limit_mb = 0.0

    def look(self) -> None:
        """Compare with the limit: the setting, or more where a worker that has done nothing needs that much."""
        if draining.is_draining():
            return
        held_mb = memory.resident_mb()
        if not self._limit_mb:
            self._limit_mb = max(settings.PROCESS_MEMORY_MB, held_mb * _FLOOR)
            log.info("worker may hold so much", extra={"held_mb": round(held_mb), "limit_mb": round(self._limit_mb)})
        if held_mb > self._limit_mb:
            memory.give_back()
            held_mb = memory.resident_mb()
        if held_mb > self._limit_mb:
            log.info("worker is replaced", extra={"held_mb": round(held_mb), "limit_mb": round(self._limit_mb)})
            retire()


def retire() -> None:
    """End this worker as if it had been told to stop; whoever starts the next one is told, if that is waited for."""
    if settings.RETIRING_FILE:
        Path(settings.RETIRING_FILE).touch()
    os.kill(os.getpid(), signal.SIGTERM)


def stop_beat(service: Any) -> None:
    """End beat between two messages. Celery's own handler raises wherever the signal comes, and within the sending of
    a message that is taken for an error of Redis: beat goes on with its schedule closed, and does not end."""

    def ask(number: int, frame: FrameType | None) -> None:
        service.stop(wait=False)
        # It may sleep until the next message is due.
        ender = threading.Timer(_BEAT_S, _end)
        ender.daemon = True
        ender.start()

    for signal_number in _SIGNALS:
        signal.signal(signal_number, ask)


def _ask(number: int, frame: FrameType | None) -> None:
    draining.ask()
    # Looked at by the loop of the consumer, and while it waits for the broker.
    state.should_stop = EX_OK


def _end_in_time() -> None:
    """The last resort for a slice that does not end: its lease runs out, as if its worker had died."""
    while draining.time_left_s() > 0:
        time.sleep(_POLL_S)
    time.sleep(_FINISH_S)
    log.warning("steps did not end in time; leaving them to their leases")
    _end()


def _end() -> None:
    """Without waiting for threads that wait for the world."""
    telemetry.end()
    logging.shutdown()
    os._exit(EX_OK)
