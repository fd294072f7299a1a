"""A neighbour that is away (the database, the file storage): whether an error says so, and how to wait for it."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import connection

from julep_project.core.errors import ServiceUnavailable, StorageUnavailable
from julep_project.core.storage_errors import is_outage, took_too_long
from julep_project.core.work.backoff import Backoff
from julep_project.core.work.lease import Held, Leases

log = logging.getLogger(__name__)

Written = TypeVar("Written")

# Between attempts at work that met one.
PAUSES = Backoff(first_s=1.0, cap_s=30.0)
# How long a write is kept in memory: less than a message may take.
_KEPT_S = 600.0
# What a write of one row takes on a server that is overloaded; elsewhere it is a millisecond.
_SLOW_S = 2.0
_WRITE_PAUSES = Backoff(first_s=0.1, cap_s=0.5)


def neighbour_away(error: BaseException | None) -> tuple[str, str] | None:
    """Which neighbour is away, and what it said; None when the error says something of the work itself."""
    match error:
        case StorageUnavailable():
            return "the file storage", error.reason
        case ServiceUnavailable():
            return "a service", error.message
        case DatabaseError() if is_outage(error):
            return "the database", type(error.__cause__ or error).__name__
    return None


def is_waited_out(error: DatabaseError, write: Callable[[], object]) -> bool:
    """True when a database error is no failure of the work that met it, which waits and has no attempt counted.

    An outage is none. A statement that took too long is one: work that asks too much would be held up for ever
    otherwise. Unless the server is overloaded, which shows in that it takes long over a `write` of one row too; that
    has to be one that changes nothing.
    """
    return is_outage(error) or (took_too_long(error) and not connection.in_atomic_block and _is_slow(write))


def _is_slow(write: Callable[[], object]) -> bool:
    begun = time.monotonic()
    try:
        write()
    except DatabaseError as error:
        return is_outage(error) or took_too_long(error)
    return time.monotonic() - begun > _SLOW_S


@contextmanager
def waiting_out(leases: Leases[Any], held: Held, wait: Callable[..., object] | None = None) -> Iterator[None]:
    """Let the row of the block `wait` for its next attempt when the database is away, or takes too long over it, which
    alone counts as an attempt.

    Raises:
        DatabaseError: it is neither.
    """
    try:
        yield
    except DatabaseError as error:
        waits = is_waited_out(error, partial(leases.renew, [held]))
        if not waits and not took_too_long(error):
            raise
        let_wait = wait or partial(leases.wait, held)
        when_back(partial(let_wait, pause_s=PAUSES.pause_s(held.attempt), counted=not waits))


def when_back(write: Callable[[], Written]) -> Written:
    """Do a write that changes nothing when it is done twice; while the database is away, again and again.

    Raises:
        DatabaseError: it is no outage, or has lasted for too long.
    """
    until = time.monotonic() + _KEPT_S
    for attempt in count(1):
        try:
            return write()
        except DatabaseError as error:
            # A single small write is not to blame when it takes long.
            is_passing = is_outage(error) or took_too_long(error)
            if connection.in_atomic_block or not is_passing or time.monotonic() > until:
                raise
            log.warning("not written; trying again", extra={"reason": repr(error.__cause__ or error)[:200]})
        connection.close()
        time.sleep(_WRITE_PAUSES.pause_s(attempt))
    raise AssertionError("unreachable")
