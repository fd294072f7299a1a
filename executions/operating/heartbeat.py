"""How a worker tells of itself while it is there, and hears what is asked of it."""

import logging
import threading
from collections.abc import Callable

from django.db import Error as DatabaseError

from executions.operating.workers import EVERY_S, Told, beat, sign_in, sign_off
from julep_project.core.database import give_connection_back, leaving_no_connection
from julep_project.core.work import draining

log = logging.getLogger(__name__)


class Heartbeat:
    """`forks`: processes are forked from this one, which keeps no connection for them. `retire` ends the worker."""

    def __init__(self, told: Told, *, forks: bool, retire: Callable[[], None]) -> None:
        self.forks = forks
        self._told = told
        self._retire = retire
        self._is_known = False
        self._soon = threading.Event()

    def go_on(self) -> None:
        """In a thread, until the process ends."""
        while True:
            self.once()
            self._soon.wait(EVERY_S)
            self._soon.clear()

    def soon(self) -> None:
        """Tell at once, and read what is asked."""
        if self.forks:
            self.once()
        else:
            self._soon.set()

    def once(self) -> None:
        """Never fails: the next time comes."""
        try:
            is_asked = self._querying(self._beat)
        except DatabaseError as error:
            log.info("worker does not tell of itself now", extra={"reason": type(error).__name__})
            return
        if is_asked and not draining.is_draining():
            log.info("worker was asked to drain")
            self._retire()

    def end(self) -> None:
        """Say that the process is gone, as far as that is possible."""
        try:
            self._querying(self._sign_off)
        except DatabaseError as error:
            log.info("worker does not say that it ends", extra={"reason": type(error).__name__})

    def _querying(self, query: Callable[[], bool]) -> bool:
        if self.forks:
            with leaving_no_connection():
                return query()
        try:
            return query()
        finally:
            give_connection_back()

    def _beat(self) -> bool:
        if not self._is_known:
            sign_in(self._told)
            self._is_known = True
        return beat(self._told, is_draining=draining.is_draining())

    def _sign_off(self) -> bool:
        sign_off(self._told)
        return False
