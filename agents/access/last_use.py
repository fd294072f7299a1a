"""When keys were last used: written beside requests, never by them, and at most once a minute for each key."""

import logging
import threading
import time
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from agents.access.models import ApiKey
from julep_project.core.clock import TransactionNow
from julep_project.core.database import give_connection_back
from julep_project.core.tenancy import system_scope

log = logging.getLogger(__name__)

_EVERY = timedelta(minutes=1)
_MOST_KEYS = 10_000
# Uses of a moment are written together.
_GATHER_S = 1.0


class LastUses:
    """Notes which keys are used. The thread that writes them is there only while there is something to write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[UUID, float] = {}
        self._to_write: set[UUID] = set()
        self._is_writing = False

    def note(self, key_id: UUID) -> None:
        """The key is being used now."""
        moment = time.monotonic()
        if self._noted.get(key_id, float("-inf")) + _EVERY.total_seconds() > moment:
            return
        with self._lock:
            if len(self._noted) >= _MOST_KEYS:
                self._noted.clear()
            self._noted[key_id] = moment
            self._to_write.add(key_id)
            if self._is_writing:
                return
            self._is_writing = True
        threading.Thread(target=self._write, name="last-uses", daemon=True).start()

    def _write(self) -> None:
        while True:
            time.sleep(_GATHER_S)
            with self._lock:
                key_ids, self._to_write = self._to_write, set()
                if not key_ids:
                    self._is_writing = False
                    return
            try:
                write_last_uses(key_ids)
            except Exception:  # whatever it is, the next uses are written
                log.warning("uses of API keys not written", extra={"action": "last_use_not_written"}, exc_info=True)
            finally:
                give_connection_back()


@system_scope()
def write_last_uses(key_ids: set[UUID]) -> None:
    """Say of these keys that they are used, unless another process said so within the minute."""
    long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lt=TransactionNow() - _EVERY)
    ApiKey.objects.filter(long_ago, pk__in=key_ids).update(last_used_at=TransactionNow())


LAST_USES = LastUses()
