"""Keeps leases of work under way alive, with one thread per kind of work and process, however much of it there is."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

log = logging.getLogger(__name__)

Token = TypeVar("Token")


class LeaseKeeper(Generic[Token]):
    """Renews what is held, three times per lease. The thread starts with the first lease and lives with the process.

    `renew` lengthens the leases of the tokens that are still owned and leaves the others alone.
    """

    def __init__(self, name: str, renew: Callable[[list[Token]], None]) -> None:
        self._name = name
        self._renew = renew
        self._lock = threading.Lock()
        self._held: set[Token] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, token: Token) -> Iterator[None]:
        """Keep the lease alive for the length of the block."""
        with self._lock:
            self._held.add(token)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._renew_for_ever, name=self._name, daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(token)

    def renew(self) -> None:
        """Renew everything held, once."""
        with self._lock:
            held = list(self._held)
        if held:
            self._renew(held)

    def _renew_for_ever(self) -> None:
        while True:
            time.sleep(settings.LEASE_SECONDS / 3)
            try:
                self.renew()
            except DatabaseError:
                log.warning("leases not renewed; trying again", exc_info=True)
            finally:
                connection.close()
