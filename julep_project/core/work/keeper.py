"""Recurring upkeep: sweeps ring for rows nobody looks at, others remove what nothing needs any more.

Every kind is an entry of one table, declared by the app it belongs to (`keepers.py`). Beat sends a message for each
when its time has come; any number may run, anywhere, and what is left out is found by the next. Those that can say
when they have nothing to do are not sent for nothing: one statement asks for all of them.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.db.models import QuerySet

from julep_project.core.database import fetch
from julep_project.core.health import heartbeats
from julep_project.core.telemetry.registry import SWEEP_FOUND, SWEEP_SECONDS, SWEEPS
from julep_project.core.work import rings
from julep_project.core.work.figures import Figures

log = logging.getLogger(__name__)

# Messages that nobody took in so many times their pause are dropped: others are under way.
_EXPIRES_AFTER = 5

# SQL that is true or false, and its parameters.
Condition = tuple[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Keeper:
    """One kind of upkeep. `name` is that of its Celery task; `figures` says how the work stands that it looks after.
    One with `when` is sent only while that is true; `when` is one cheap look by an index, every `every_s` or so.

    Upkeep shares a few threads. So it is not begun in a process where the last one is still under way: one that hangs,
    because a row or a storage does, keeps a single thread and not, call by call, those of all others.
    """

    name: str
    every_s: float
    keep: Callable[[], object]
    queue: str = "maintenance"
    figures: Callable[[], Figures] | None = None
    when: Callable[[], Condition] | None = None
    _under_way: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)
    _asked: "_Asked" = field(default_factory=lambda: _Asked(), compare=False, repr=False)

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

    def is_to_be_asked(self, at: float) -> bool:
        """Unless this process asked so lately that with the next sweep is early enough."""
        if at + settings.SWEEP_SECONDS <= self._asked.last + self.every_s:
            return False
        self._asked.last = at
        return True


@dataclass(slots=True)
class _Asked:
    """When a process last asked whether there is anything to do, by its own clock."""

    last: float = -math.inf


def _count(found: object) -> int:
    """What a pass says it has found: how many, or how many of each kind."""
    if isinstance(found, Mapping):
        return sum(_count(each) for each in found.values())
    return found if isinstance(found, int) else 0


def any_of(rows: "QuerySet[Any]") -> Condition:
    """Whether there is any of these rows."""
    text, values = rows.order_by().values("pk").query.sql_with_params()
    return f"EXISTS ({text})", values


KEEPERS: dict[str, Keeper] = {}


def register(keeper: Keeper) -> Keeper:
    """Put it into the table, and make its Celery task."""
    KEEPERS[keeper.name] = keeper

    @shared_task(name=keeper.name)
    def run() -> None:
        keeper.run()

    return keeper


def schedule() -> dict[str, dict[str, Any]]:
    """What beat sends, and how often. Keepers with a condition are sent by `send_wanted`."""
    return {
        name: {"task": name, "schedule": one.every_s, "options": {"expires": one.every_s * _EXPIRES_AFTER}}
        for name, one in KEEPERS.items()
        if one.when is None
    }


def send_wanted(clock: Callable[[], float] = time.monotonic) -> int:
    """Send a message for each keeper whose condition is true; for how many.

    Each has a message of its own, so that none waits for another. Those that have nothing to do count as done.
    """
    at = clock()
    asked = [keeper for keeper in KEEPERS.values() if keeper.when is not None and keeper.is_to_be_asked(at)]
    wanted = list(_wanted(asked))
    for name in wanted:
        rings.send(name, expires_s=KEEPERS[name].every_s * _EXPIRES_AFTER)
    spared = [keeper.name for keeper in asked if keeper.name not in wanted]
    heartbeats.beat(*spared)
    for name in spared:
        SWEEPS.add(name, "done")
    return len(wanted)


def _wanted(asked: Sequence[Keeper]) -> Iterator[str]:
    """Names of those whose condition is true. All, while it cannot be told, as where a table is locked; and one whose
    condition is wrong, as where a table of this version is not there yet, keeps none of the others from being told."""
    conditions = [keeper.when() for keeper in asked if keeper.when is not None]
    try:
        found = _answers(conditions)
    except OperationalError as error:
        log.warning("all sweeps are sent", extra={"reason": repr(error)})
        found = [True] * len(asked)
    except DatabaseError as error:
        log.warning("each sweep is asked for by itself", extra={"reason": repr(error)})
        found = [_answer(condition) for condition in conditions]
    for keeper, is_wanted in zip(asked, found, strict=True):
        if is_wanted:
            yield keeper.name


def _answers(conditions: Sequence[Condition]) -> Sequence[bool]:
    statement = f"SELECT {', '.join(condition for condition, _ in conditions)}"
    [found] = fetch(statement, [value for _, values in conditions for value in values])
    answers: Sequence[bool] = found
    return answers


def _answer(condition: Condition) -> bool:
    try:
        return _answers([condition])[0]
    except DatabaseError:
        return True


register(Keeper("core.send_wanted", settings.SWEEP_SECONDS, send_wanted))


def route(name: str, *_: Any, **__: Any) -> Mapping[str, str] | None:
    """The queue of a keeper's message; None for other messages. A router of Celery's."""
    return {"queue": KEEPERS[name].queue} if name in KEEPERS else None
