"""Removes many rows without holding others up: one short statement after the other, each a transaction of its own.

A statement that takes longer than `LONGEST_MS` is ended by the database, which takes back what it did, and is tried
again with fewer rows. So no lock is held for longer, however large rows are or busy the server is.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from julep_project.core.database import fetch

LONGEST_MS = 100
# Where a statement is to end, so that few are taken back.
_AIM_S = 0.04
_FIRST, _MOST = 50, 5000
_BOUND = """
    SELECT set_config('statement_timeout', %(longest)s, true), set_config('julep.audit_upkeep', %(upkeep)s, true)
"""

Row = tuple[Any, ...]
Then = Callable[[list[Row]], object]


class OutOfTime(Exception):
    """The pass is over; what is left is removed by the next one."""


class Pace:
    """How many rows a statement takes at a time, and until when there is time for another.

    `upkeep` is what the transactions may do to the audit log.
    """

    def __init__(self, *, seconds: float | None = None, upkeep: str = "") -> None:
        self.rows = _FIRST
        self._until = None if seconds is None else time.monotonic() + seconds
        self._upkeep = upkeep

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is begun in here is ended, whatever time that takes.

        Raises:
            OutOfTime: before anything is done.
        """
        self._check_time()
        until, self._until = self._until, None
        try:
            yield
        finally:
            self._until = until

    def step(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """Run a statement once, for up to `%(rows)s` rows; what it returns. A single row is given the time it takes.

        Raises:
            OutOfTime: before anything is done.
        """
        while True:
            self._check_time()
            began = time.monotonic()
            try:
                found = self._run(statement, {**values, "rows": self.rows})
            except OperationalError as error:
                if not isinstance(error.__cause__, QueryCanceled) or self.rows == 1:
                    raise
                self.rows = max(1, self.rows // 4)
                continue
            self._adapt(time.monotonic() - began, is_full=len(found) >= self.rows)
            return found

    def drain(self, statement: str, values: Mapping[str, Any], then: Then | None = None) -> int:
        """Run it until it returns nothing, and `then` something with what it returned; how many rows that was."""
        count = 0
        while found := self.step(statement, values):
            count += len(found)
            if then is not None:
                then(found)
        return count

    def _check_time(self) -> None:
        if self._until is not None and time.monotonic() > self._until:
            raise OutOfTime

    def _run(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        longest = "0" if self.rows == 1 else f"{LONGEST_MS}ms"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_BOUND, {"longest": longest, "upkeep": self._upkeep})
            return fetch(statement, values)

    def _adapt(self, took_s: float, *, is_full: bool) -> None:
        if took_s > _AIM_S:
            self.rows = max(1, int(self.rows * max(_AIM_S / took_s, 0.25)))
        elif is_full:
            self.rows = min(_MOST, self.rows * 2)
