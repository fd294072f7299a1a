"""Keeps leases of work under way alive, with one thread per kind of work and process, however much of it there is."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from julep_project.core.tenancy import system_scope

log = logging.getLogger(__name__)

Token = TypeVar("Token")


class Renewer(Generic[Token]):
    """Renews what is held, three times per lease. The thread starts with the first lease and lives with the process.

    `renew` lengthens the leases of the tokens that are still owned and leaves the others alone. `give_back` ends the
    leases of those that are still owned, so that others take the work at once, and counts no attempt: the process
    stops before the work has ended.
    """

    def __init__(
        self, name: str, renew: Callable[[list[Token]], None], give_back: Callable[[list[Token]], None]
    ) -> None:
        self._name = name
        self._renew = renew
        self._give_back = give_back
        self._lock = threading.Lock()
        # What is held, and whether it is the last to be given back.
        self._held: dict[Token, bool] = {}
        self._abandoned: set[Token] = set()
        self._thread: threading.Thread | None = None
        _RENEWERS.append(self)

    @contextmanager
    def holding(self, *tokens: Token, last: bool = False) -> Iterator[None]:
        """Keep the leases alive for the length of the block. `last`: when the process stops, they are given back
        last."""
        with self._lock:
            self._held.update(dict.fromkeys(tokens, last))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._renew_for_ever, name=self._name, daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                for token in tokens:
                    self._held.pop(token, None)
                self._abandoned.difference_update(tokens)

    @system_scope()
    def renew(self) -> None:
        with self._lock:
            held = list(self._held)
        if held:
            self._renew(held)

    @system_scope()
    def hand_back(self, *, last: bool) -> None:
        """Give back what is held and let go of it; without `last`, not what is to be given back last."""
        with self._lock:
            given = [token for token, waits in self._held.items() if last or not waits]
            for token in given:
                del self._held[token]
            self._abandoned.update(given)
        if not given:
            return
        log.info("work handed back", extra={"renewer": self._name, "pieces": len(given)})
        try:
            self._give_back(given)
        except DatabaseError:
            log.warning("work not handed back; others wait for its leases", exc_info=True)
        finally:
            connection.close()

    @property
    def counts(self) -> tuple[int, int]:
        """How many are held, and how many were given back by a block that has not ended."""
        with self._lock:
            return len(self._held), len(self._abandoned)

    def _renew_for_ever(self) -> None:
        while True:
            time.sleep(settings.LEASE_SECONDS / 3)
            try:
                self.renew()
            except Exception:
                # Whatever it is: without this thread, all that is held would be lost.
                log.warning("leases not renewed; trying again", exc_info=True)
            finally:
                connection.close()


_RENEWERS: list[Renewer[Any]] = []


def hand_back(*, last: bool) -> None:
    """Give back all work of this process; without `last`, all but what is to be given back last."""
    for renewer in _RENEWERS:
        renewer.hand_back(last=last)


def is_held() -> bool:
    return any(renewer.counts[0] for renewer in _RENEWERS)


def abandoned() -> int:
    """How many blocks run on whose work was given back."""
    return sum(renewer.counts[1] for renewer in _RENEWERS)
