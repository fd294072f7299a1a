"""What is wrong with this installation, beyond whether its parts answer: `manage.py doctor`."""

from collections.abc import Callable

import redis
from celery import current_app
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import KombuError, OperationalError

from executions.engine.sweep import HEARTBEAT, oldest_due
from julep_project.core import health, heartbeats
from julep_project.core.health import Report
from julep_project.core.release import read_release

_PATIENCE_S = 5.0
_WORKER_REPLY_S = 1.0
# A row that can go on is looked at within a few sweeps, even if every message was lost.
_PATIENT_SWEEPS = 5
# Many docs at once take their time.
_DOC_PATIENCE_S = 600.0

# The doc whose vectors have been due for longest without anybody at work on them.
_OLDEST_DOC = """
    SELECT doc_id, extract(epoch FROM now() - greatest(due_at, lease_until)) FROM docs_store_docembedding
    WHERE state = 'pending' AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY due_at LIMIT 1
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
    oldest = oldest_due()
    if oldest is None:
        return True, "nothing waits for a worker"
    branch_id, late_s = oldest
    return late_s <= _patience_s(), f"branch {branch_id} has waited for a worker for {late_s:.1f} s"


def _docs() -> tuple[bool, str]:
    """How long the doc that has waited longest for its vectors has waited, and how many got none."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_DOC)
        row = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM docs_store_docembedding WHERE state = 'failed'")
        failed = int(cursor.fetchone()[0])
    late_s = 0.0 if row is None else float(row[1])
    waiting = "no doc waits for vectors" if row is None else f"doc {row[0]} has waited for vectors for {late_s:.1f} s"
    told = f"; {failed} docs failed to get theirs, see Doc embeddings in the admin pages" if failed else ""
    return late_s <= _DOC_PATIENCE_S and not failed, waiting + told


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
    "docs": _docs,
    "sweeper": _sweeper,
    "release": _release,
}
