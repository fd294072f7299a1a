"""Recurring upkeep: sweeps ring for rows nobody looks at, others remove what nothing needs any more.

Every kind is an entry of one table, declared by the app it belongs to (`keepers.py`). Beat sends a message for each
when its time has come; any number may run, anywhere, and what is left out is found by the next.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celery import shared_task

from julep_project.core.health import heartbeats
from julep_project.core.telemetry.registry import SWEEP_FOUND, SWEEP_SECONDS, SWEEPS
from julep_project.core.work.figures import Figures

log = logging.getLogger(__name__)

# Messages that nobody took in so many times their pause are dropped: others are under way.
_EXPIRES_AFTER = 5

# What people begin one at a time is swept once in so many sweeps of the rest: each asks the database something, also
# where nobody does anything.
RARELY = 5


@dataclass(frozen=True, slots=True)
class Keeper:
    """One kind of upkeep. `name` is that of its Celery task; `figures` says how the work stands that it looks after.

    Upkeep shares a few threads. So it is not begun in a process where the last one is still under way: one that hangs,
    because a row or a storage does, keeps a single thread and not, call by call, those of all others.
    """

    name: str
    every_s: float
    keep: Callable[[], object]
    queue: str = "maintenance"
    figures: Callable[[], Figures] | None = None
    _under_way: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def run(self) -> None:
        if not self._under_way.acquire(blocking=False):
            log.warning("left out: the last one is still under way", extra={"keeper": self.name})
            SWEEPS.add(self.name, "left_out")
            return
        began, result = time.monotonic(), "failed"
        try:
            found = self.keep()
            heartbeats.beat(self.name)
            result = "done"
            SWEEP_FOUND.add(self.name, amount=_count(found))
        finally:
            self._under_way.release()
            SWEEPS.add(self.name, result)
            SWEEP_SECONDS.observe(time.monotonic() - began, self.name)


def _count(found: object) -> int:
    """What a pass says it has found: how many, or how many of each kind."""
    if isinstance(found, Mapping):
        return sum(_count(each) for each in found.values())
    return found if isinstance(found, int) else 0


KEEPERS: dict[str, Keeper] = {}


def register(keeper: Keeper) -> Keeper:
    """Put it into the table, and make its Celery task."""
    KEEPERS[keeper.name] = keeper

    @shared_task(name=keeper.name)
    def run() -> None:
        keeper.run()

    return keeper


def schedule() -> dict[str, dict[str, Any]]:
    """What beat sends, and how often."""
    return {
        name: {"task": name, "schedule": one.every_s, "options": {"expires": one.every_s * _EXPIRES_AFTER}}
        for name, one in KEEPERS.items()
    }


def route(name: str, *_: Any, **__: Any) -> Mapping[str, str] | None:
    """The queue of a keeper's message; None for other messages. A router of Celery's."""
    return {"queue": KEEPERS[name].queue} if name in KEEPERS else None
