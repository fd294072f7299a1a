"""Does what this installation needs answer? For `/healthz`, `/readyz`, `manage.py check_services` and `doctor`."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import KombuError, OperationalError

from julep_project.core.database import execute
from julep_project.core.redis_client import new_redis_client
from julep_project.core.tenancy import system_scope

log = logging.getLogger(__name__)

QUEUES = ("engine", "io", "maintenance")
# A load balancer asks often and wants its answer soon.
CHECK_S = 1.3
_WORKER_REPLY_S = 0.6
_KEPT_S = 2.0

# Threads of their own: health is told while all threads for requests and queries are taken. Who asks meanwhile gets the
# same answer, so no more checks wait than there are kinds of them.
_EXECUTOR = ThreadPoolExecutor(max_workers=4, thread_name_prefix="health")
_ASKED = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health-asked")


@dataclass(frozen=True)
class Report:
    """State of one component. `detail` says what is wrong and how to mend it; it may name hosts, never secrets.

    `warns`: it is well, and will not stay so unless somebody acts.
    """

    component: str
    ok: bool
    detail: str = ""
    warns: bool = False

    @property
    def level(self) -> str:
        """In one word."""
        return "problem" if not self.ok else "warning" if self.warns else "ok"

    @property
    def suffix(self) -> str:
        return f": {self.detail}" if self.detail else ""


class Kept:
    """`{component: "ok" | "error"}` within 1.5 seconds; the answer may be two seconds old.

    However many ask, the components are looked at by one of them at a time.
    """

    def __init__(self, components: Sequence[str]) -> None:
        self._components = components
        self._lock = threading.Lock()
        self._answer: Future[dict[str, str]] | None = None
        self._made_at = float("-inf")

    def ask(self) -> Future[dict[str, str]]:
        with self._lock:
            answer = self._answer
            if answer is None or (answer.done() and time.monotonic() - self._made_at >= _KEPT_S):
                answer = self._answer = _ASKED.submit(self._make)
            return answer

    def forget(self) -> None:
        """Look again when asked next."""
        self._made_at = float("-inf")

    def _make(self) -> dict[str, str]:
        reports = report(self._components, timeout_s=CHECK_S)
        self._made_at = time.monotonic()
        return {found.component: "ok" if found.ok else "error" for found in reports}


def report(components: Sequence[str] = (), *, timeout_s: float) -> list[Report]:
    """State of the components (all when none is named), looked at side by side. What is too slow is an error."""
    running = {name: _look_at(name) for name in components or COMPONENTS}
    wait(running.values(), timeout=timeout_s)
    return [
        future.result() if future.done() else Report(name, ok=False, detail=f"no answer within {timeout_s:g} s")
        for name, future in running.items()
    ]


_running: dict[str, Future[Report]] = {}
_running_lock = threading.Lock()


def _look_at(name: str) -> Future[Report]:
    """One look at a component at a time: what hangs holds one thread, however often it is asked for."""
    with _running_lock:
        future = _running.get(name)
        if future is None or future.done():
            future = _running[name] = _EXECUTOR.submit(_guarded, name)
        return future


@system_scope()
def _guarded(name: str) -> Report:
    try:
        trouble = _CHECKS[name]()
        return Report(name, ok=not trouble, detail=trouble)
    except Exception as error:
        log.exception("health check failed", extra={"component": name})
        return Report(name, ok=False, detail=type(error).__name__)
    finally:
        connection.close()


def _check_database() -> str:
    try:
        execute("SELECT 1")
    except Error as error:
        return f"{_database_place()} {_first_line(error)} (set DATABASE_URL)"
    return ""


def _check_migrations() -> str:
    try:
        missing = _missing_migrations()
    except Error:
        return "unknown, because the database does not answer"
    return f"{missing} not applied (run: manage.py migrate)" if missing else ""


_migrated = False


def _missing_migrations() -> int:
    """How many this code has and the database has not. Once none is missing, none will be while the process lives."""
    global _migrated
    if _migrated:
        return 0
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    _migrated = missing == 0
    return missing


@system_scope()
def is_unmigrated() -> bool:
    """True when the database answers and lacks migrations of this code."""
    try:
        return _missing_migrations() > 0
    except Error:
        return False


def _check_redis() -> str:
    try:
        _ping_redis()
    except (redis.RedisError, ValueError) as error:
        return f"{_redis_place()} {_first_line(error)} (set REDIS_URL)"
    return ""


def _check_workers() -> str:
    try:
        # Celery waits and retries when its broker is away; a plain ping does not.
        _ping_redis()
        served = _served_queues()
    except (redis.RedisError, OperationalError, KombuError, OSError, ValueError):
        return "unknown, because Redis does not answer"
    missing = [queue for queue in QUEUES if queue not in served]
    return f"no worker answers for: {', '.join(missing)}" if missing else ""


def _served_queues() -> set[str]:
    """Queues that some worker consumes from now."""
    inspect = current_app.control.inspect(timeout=_WORKER_REPLY_S)
    try:
        answers = inspect.active_queues()
    except (redis.ConnectionError, OperationalError, OSError):
        # A kept connection outlives a restart of Redis by one use.
        answers = inspect.active_queues()
    return {queue["name"] for queues in (answers or {}).values() for queue in queues}


# What is wrong with a component, if anything.
_CHECKS: dict[str, Callable[[], str]] = {
    "database": _check_database,
    "migrations": _check_migrations,
    "redis": _check_redis,
    "workers": _check_workers,
}
COMPONENTS = tuple(_CHECKS)
# What requests cannot be served without. Without Redis or workers they can: runs wait, nothing is lost.
NEEDED = ("database", "migrations")
ALL_PARTS = Kept(COMPONENTS)
NEEDED_PARTS = Kept(NEEDED)


def _ping_redis() -> None:
    with new_redis_client() as client:
        client.ping()


def _database_place() -> str:
    place: dict[str, Any] = settings.DATABASES["default"]
    return f"{place['HOST'] or 'local socket'}:{place['PORT'] or 5432}/{place['NAME']} cannot be reached:"


def _redis_place() -> str:
    try:
        options = redis.ConnectionPool.from_url(settings.REDIS_URL).connection_kwargs
    except ValueError:
        return "REDIS_URL is not a Redis address:"
    return f"{options.get('host', 'local socket')}:{options.get('port', 6379)} cannot be reached:"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
