"""Keeps the leases of running effects alive, with one thread per process however many effects run."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from executions.engine.store import Claim

log = logging.getLogger(__name__)


def renew_leases(held: Iterable[tuple[UUID, int]]) -> None:
    """Lengthen the leases of claims still held. A row locked by somebody else is left for the next round."""
    pairs = list(held)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE executions_branch b SET lease_until = now() + make_interval(secs => %s)
            WHERE b.id IN (
                SELECT b.id FROM executions_branch b
                JOIN unnest(%s::uuid[], %s::bigint[]) AS h(id, version) ON b.id = h.id AND b.version = h.version
                WHERE b.status IN ('running', 'calling') FOR UPDATE OF b SKIP LOCKED)
            """,
            [settings.LEASE_SECONDS, [branch for branch, _ in pairs], [version for _, version in pairs]],
        )


class LeaseKeeper:
    """Renews what is held, three times per lease. The thread starts with the first lease and lives with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[UUID, int] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Keep the claim's lease alive for the length of the block."""
        with self._lock:
            self._held[claim.branch_id] = claim.version
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._renew_for_ever, name="lease-keeper", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                if self._held.get(claim.branch_id) == claim.version:
                    del self._held[claim.branch_id]

    def renew(self) -> None:
        """Renew everything held, once."""
        with self._lock:
            held = list(self._held.items())
        if held:
            renew_leases(held)

    def _renew_for_ever(self) -> None:
        while True:
            time.sleep(settings.LEASE_SECONDS / 3)
            try:
                self.renew()
            except DatabaseError:
                log.warning("leases not renewed; trying again", exc_info=True)
            finally:
                connection.close()


KEEPER = LeaseKeeper()
