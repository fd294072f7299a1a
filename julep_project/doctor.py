"""What is wrong with this installation, beyond whether its parts answer: `manage.py doctor`."""

from collections.abc import Callable, Sequence

import redis
from celery import current_app
from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models.functions import Greatest
from kombu.exceptions import KombuError, OperationalError

from agents.vault.checks import check_master_key, count_by_key
from agents.vault.master_keys import read_master_keys
from docs_store.embedding_queue import LEASES
from docs_store.models import DocEmbedding, EmbeddingState
from executions.engine.outage import held_up_branches
from executions.engine.sweep import oldest_due
from julep_project import doctor_database, doctor_processes
from julep_project.core.clock import TransactionNow
from julep_project.core.health import health, heartbeats
from julep_project.core.health.health import Report
from julep_project.core.process.release import read_release
from julep_project.core.redis_client import new_redis_client
from julep_project.core.row_security.force import look
from julep_project.core.work.keeper import KEEPERS

_PATIENCE_S = 5.0
_WORKER_REPLY_S = 1.0
# A row that can go on is looked at within a few sweeps, even if every message was lost.
_PATIENT_SWEEPS = 5
# Many docs at once take their time.
_DOC_PATIENCE_S = 600.0
_OFTEN_S = 10


def examine(apis: Sequence[str] = ()) -> list[Report]:
    """One report for every part, every check, every queue and every API at one of these addresses.

    A check that cannot be made is a problem too.
    """
    reports = health.report(timeout_s=_PATIENCE_S)
    reports += [_guarded(name, check) for name, check in _CHECKS.items()]
    return [*reports, *doctor_database.examine(), *doctor_processes.examine(apis)]


def _guarded(name: str, check: Callable[[], tuple[bool, str]]) -> Report:
    try:
        ok, detail = check()
    except (redis.RedisError, DatabaseError, OperationalError, KombuError, OSError, ValueError) as error:
        return Report(name, ok=False, detail=f"unknown: {type(error).__name__}")
    return Report(name, ok=ok, detail=detail)


def _redis_policy() -> tuple[bool, str]:
    """Redis must refuse new messages rather than drop old ones."""
    with new_redis_client() as client:
        policy = client.info("memory").get("maxmemory_policy", "unknown")
    return policy == "noeviction", "" if policy == "noeviction" else f"maxmemory-policy is {policy}; set noeviction"


def _oldest_runnable() -> tuple[bool, str]:
    """How long the row that has waited longest for a worker has waited."""
    oldest = oldest_due()
    if oldest is None:
        return True, "nothing waits for a worker"
    branch_id, late_s = oldest
    return late_s <= _patience_s(), f"branch {branch_id} has waited for a worker for {late_s:.1f} s"


def _held_up() -> tuple[bool, str]:
    """What runs wait for without counting attempts: neighbours that are away."""
    found = held_up_branches()
    told = (f"{number} branches wait for {by}: {error} (for {since_s:.0f} s)" for by, number, error, since_s in found)
    return not found, "; ".join(told) or "no run waits for a neighbour"


def _docs() -> tuple[bool, str]:
    """How long the doc that has waited longest for its vectors has waited, and how many got none."""
    late = TransactionNow() - Greatest("due_at", "lease_until")
    oldest = LEASES.due().order_by("due_at").annotate(late=late).first()
    failed = DocEmbedding.objects.filter(state=EmbeddingState.FAILED).count()
    late_s = 0.0 if oldest is None else oldest.late.total_seconds()
    waiting = f"doc {oldest.doc_id} has waited for vectors for {late_s:.1f} s" if oldest else "no doc waits for vectors"
    told = f"; {failed} docs failed to get theirs, see Doc embeddings in the admin pages" if failed else ""
    return late_s <= _DOC_PATIENCE_S and not failed, waiting + told


def _secrets() -> tuple[bool, str]:
    """With which master keys secrets are sealed. What cannot be opened is told by the system check."""
    problems = check_master_key(None)
    if problems:
        return False, "; ".join(problem.msg for problem in problems)
    by_key, keys = count_by_key(), read_master_keys(settings.SECRETS_MASTER_KEY)
    newest = keys[0].fingerprint if keys else ""
    older = sum(count for fingerprint, count in by_key.items() if fingerprint != newest)
    told = f"{sum(by_key.values())} stored"
    return True, f"{told}, {older} of them sealed with an older key: run rotate_secrets" if older else told


def _keepers() -> tuple[bool, str]:
    """When each kind of upkeep that comes every few seconds was last done."""
    ages = {name: heartbeats.age_s(name) for name, keeper in KEEPERS.items() if keeper.every_s < _OFTEN_S}
    if not any(age_s is not None for age_s in ages.values()):
        return False, "none has run; is beat running, and a worker of the maintenance queue?"
    late = [
        f"{name} {'never' if age_s is None else f'{age_s:.1f} s ago'} (due every {KEEPERS[name].every_s} s)"
        for name, age_s in ages.items()
        if age_s is None or age_s > KEEPERS[name].every_s + _patience_s()
    ]
    if late:
        return False, f"late: {', '.join(late)}"
    return True, f"all ran in the last {max(age_s or 0.0 for age_s in ages.values()):.1f} s"


def _work() -> tuple[bool, str]:
    figures = {name: keeper.figures() for name, keeper in KEEPERS.items() if keeper.figures is not None}
    told = (
        f"{name}: {one.due} due, {one.running} at work on, {one.claimed} claimed, {one.lost} lost"
        for name, one in figures.items()
    )
    late_s = max(one.oldest_s for one in figures.values())
    return late_s <= _DOC_PATIENCE_S, f"{'; '.join(told)}; the oldest has been due for {late_s:.1f} s"


def _release() -> tuple[bool, str]:
    answers = current_app.control.broadcast("release", reply=True, timeout=_WORKER_REPLY_S)
    found = {worker: release for answer in answers for worker, release in answer.items()}
    if not found:
        return False, "no worker answers"
    own = read_release()
    old = sorted(worker for worker, release in found.items() if release != own)
    return not old, f"started with other code than this: {', '.join(old)}; restart them" if old else own


def _patience_s() -> float:
    return float(max(settings.RING_AGAIN_SECONDS, settings.SWEEP_SECONDS) * _PATIENT_SWEEPS)


def _row_security() -> tuple[bool, str]:
    """Whether the database keeps developers apart, and whether their searches use indexes."""
    if not settings.ROW_SECURITY_ON:
        return True, "off"
    standing = look()
    slow = [f"{name} is not LEAKPROOF: no index is used where it is asked for" for name in standing.slow]
    return not standing.wrong, "; ".join([*standing.wrong, *slow]) or "in force"


_CHECKS: dict[str, Callable[[], tuple[bool, str]]] = {
    "redis policy": _redis_policy,
    "oldest runnable": _oldest_runnable,
    "held up": _held_up,
    "docs": _docs,
    "secrets": _secrets,
    "row security": _row_security,
    "keepers": _keepers,
    "work": _work,
    "release": _release,
}
