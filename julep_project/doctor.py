"""What is wrong with this installation, beyond whether its parts answer: `manage.py doctor`."""

from collections.abc import Callable

import redis
from celery import current_app
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import KombuError, OperationalError

from executions.engine.sweep import HEARTBEAT
from julep_project.core import health, heartbeats
from julep_project.core.health import Report
from julep_project.core.release import read_release

_PATIENCE_S = 5.0
_WORKER_REPLY_S = 1.0
# A row that can go on is looked at within a few sweeps, even if every message was lost.
_PATIENT_SWEEPS = 5

# Since when each row that has to be looked at is due; rows under a lease or before their time are not.
_OLDEST = """
    SELECT id, extract(epoch FROM now() - due) FROM (
        SELECT b.id, CASE b.status
            WHEN 'ready' THEN b.updated_at
            WHEN 'running' THEN b.lease_until
            WHEN 'calling' THEN coalesce(b.lease_until, b.wake_at, b.updated_at)
            ELSE b.wake_at END AS due
        FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
        WHERE b.status IN ('ready', 'running', 'calling', 'sleeping', 'awaiting_input')
          AND e.status NOT IN ('succeeded', 'failed', 'cancelled')
    ) AS waiting
    WHERE due <= now() ORDER BY due LIMIT 1
"""


def examine() -> list[Report]:
    """One report for every part and every check. A check that cannot be made is a problem too."""
    reports = health.report(timeout_s=_PATIENCE_S)
    return [*reports, *(_guarded(name, check) for name, check in _CHECKS.items())]


def _guarded(name: str, check: Callable[[], tuple[bool, str]]) -> Report:
    try:
        ok, detail = check()
    except (redis.RedisError, DatabaseError, OperationalError, KombuError, OSError, ValueError) as error:
        return Report(name, ok=False, detail=f"unknown: {type(error).__name__}")
    return Report(name, ok=ok, detail=detail)


def _redis_policy() -> tuple[bool, str]:
    """Redis must refuse new messages rather than drop old ones."""
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
        policy = client.info("memory").get("maxmemory_policy", "unknown")
    return policy == "noeviction", "" if policy == "noeviction" else f"maxmemory-policy is {policy}; set noeviction"


def _oldest_runnable() -> tuple[bool, str]:
    """How long the row that has waited longest for a worker has waited."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        row = cursor.fetchone()
    if row is None:
        return True, "nothing waits for a worker"
    late_s = float(row[1])
    return late_s <= _patience_s(), f"branch {row[0]} has waited for a worker for {late_s:.1f} s"


def _sweeper() -> tuple[bool, str]:
    """When rows nobody looks at were last looked for."""
    age_s = heartbeats.age_s(HEARTBEAT)
    if age_s is None:
        return False, "no sweep has run; is beat running, and a worker of the maintenance queue?"
    return age_s <= _patience_s(), f"last sweep {age_s:.1f} s ago, one is due every {settings.SWEEP_SECONDS} s"


def _release() -> tuple[bool, str]:
    """Whether all workers run the code of this checkout."""
    answers = current_app.control.broadcast("release", reply=True, timeout=_WORKER_REPLY_S)
    found = {worker: release for answer in answers for worker, release in answer.items()}
    if not found:
        return False, "no worker answers"
    own = read_release()
    old = sorted(worker for worker, release in found.items() if release != own)
    return not old, f"started with other code than this: {', '.join(old)}; restart them" if old else own


def _patience_s() -> float:
    return float(max(settings.RING_AGAIN_SECONDS, settings.SWEEP_SECONDS) * _PATIENT_SWEEPS)


_CHECKS: dict[str, Callable[[], tuple[bool, str]]] = {
    "redis policy": _redis_policy,
    "oldest runnable": _oldest_runnable,
    "sweeper": _sweeper,
    "release": _release,
}
