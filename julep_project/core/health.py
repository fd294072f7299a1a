"""Does what this installation needs answer? One piece of code for `GET /healthz` and `manage.py check_services`."""

import logging
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

log = logging.getLogger(__name__)

QUEUES = ("engine", "io", "maintenance")
# A load balancer asks often and wants its answer soon.
CHECK_S = 1.3
_WORKER_REPLY_S = 0.6
_KEPT_S = 2.0

_EXECUTOR = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")


@dataclass(frozen=True)
class Report:
    """State of one component. `detail` says what is wrong and how to mend it; it may name hosts, never secrets."""

    component: str
    ok: bool
    detail: str = ""

    @property
    def suffix(self) -> str:
        """The detail as the end of a line."""
        return f": {self.detail}" if self.detail else ""


def check() -> dict[str, str]:
    """`{component: "ok" | "error"}` within 1.5 seconds. The answer may be two seconds old."""
    global _last_check
    at, answer = _last_check
    if time.monotonic() - at < _KEPT_S:
        return answer
    answer = {found.component: "ok" if found.ok else "error" for found in report(timeout_s=CHECK_S)}
    _last_check = (time.monotonic(), answer)
    return answer


_last_check: tuple[float, dict[str, str]] = (float("-inf"), {})


def report(components: Sequence[str] = (), *, timeout_s: float) -> list[Report]:
    """State of the components (all when none is named), looked at side by side. What is too slow is an error."""
    names = components or COMPONENTS
    running: dict[str, Future[Report]] = {name: _EXECUTOR.submit(_guarded, name) for name in names}
    wait(running.values(), timeout=timeout_s)
    return [
        future.result() if future.done() else Report(name, ok=False, detail=f"no answer within {timeout_s:g} s")
        for name, future in running.items()
    ]


def _guarded(name: str) -> Report:
    try:
        return _CHECKS[name]()
    except Exception as error:
        log.exception("health check failed", extra={"component": name})
        return Report(name, ok=False, detail=type(error).__name__)
    finally:
        connection.close()


def _check_database() -> Report:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return Report("database", ok=False, detail=f"{_database_place()} {_first_line(error)} (set DATABASE_URL)")
    return Report("database", ok=True)


def _check_migrations() -> Report:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return Report("migrations", ok=False, detail="unknown, because the database does not answer")
    if missing:
        return Report("migrations", ok=False, detail=f"{len(missing)} not applied (run: manage.py migrate)")
    return Report("migrations", ok=True)


def _check_redis() -> Report:
    try:
        _ping_redis()
    except (redis.RedisError, ValueError) as error:
        return Report("redis", ok=False, detail=f"{_redis_place()} {_first_line(error)} (set REDIS_URL)")
    return Report("redis", ok=True)


def _check_workers() -> Report:
    try:
        # Celery waits and retries when its broker is away; a plain ping does not.
        _ping_redis()
        served = _served_queues()
    except (redis.RedisError, OperationalError, KombuError, OSError, ValueError):
        return Report("workers", ok=False, detail="unknown, because Redis does not answer")
    missing = [queue for queue in QUEUES if queue not in served]
    if missing:
        return Report("workers", ok=False, detail=f"no worker answers for: {', '.join(missing)}")
    return Report("workers", ok=True)


def _served_queues() -> set[str]:
    """Queues that some worker consumes from now."""
    inspect = current_app.control.inspect(timeout=_WORKER_REPLY_S)
    try:
        answers = inspect.active_queues()
    except (redis.ConnectionError, OperationalError, OSError):
        # A kept connection outlives a restart of Redis by one use.
        answers = inspect.active_queues()
    return {queue["name"] for queues in (answers or {}).values() for queue in queues}


_CHECKS: dict[str, Callable[[], Report]] = {
    "database": _check_database,
    "migrations": _check_migrations,
    "redis": _check_redis,
    "workers": _check_workers,
}
COMPONENTS = tuple(_CHECKS)


def _ping_redis() -> None:
    with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
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
