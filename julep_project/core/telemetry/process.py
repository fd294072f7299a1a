"""What one process of the installation tells of itself, from when it begins to do work until it ends."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from julep_project.core.process.memory import resident_mb
from julep_project.core.telemetry import registry, tracing
from julep_project.core.telemetry.shared import Publisher

_publisher: Publisher | None = None


def begin(kind: str, queues: Sequence[str] = ()) -> None:
    """This process does work from now on: `kind` is `api`, `beat` or the queues of a worker.

    After it was forked, if it was.
    """
    global _publisher
    registry.PROCESSES.watch(lambda: 1, kind)
    registry.RESIDENT.watch(lambda: resident_mb() * 2**20, kind)
    for state in ("used", "idle"):
        registry.POOL.watch(partial(_pooled, state), kind, state)
    registry.POOL_WAITING.watch(partial(_pooled, "waiting"), kind)
    for queue in queues:
        registry.WORKERS.watch(lambda: 1, queue)
    _publisher = Publisher(kind, queues)
    _publisher.start()
    tracing.begin(kind)


def end() -> None:
    """It is about to end. May be said more than once, and where it never began."""
    global _publisher
    publisher, _publisher = _publisher, None
    if publisher is not None:
        publisher.stop()
        tracing.end()


def _pooled(state: str) -> float:
    """Of the pool, if there is one: nobody's connection is asked for."""
    pools: dict[str, Any] = connections[DEFAULT_DB_ALIAS]._connection_pools  # type: ignore[attr-defined]
    pool = pools.get(DEFAULT_DB_ALIAS)
    if pool is None:
        return 0.0
    stats = pool.get_stats()
    idle = float(stats.get("pool_available", 0))
    found = {"idle": idle, "used": stats.get("pool_size", 0) - idle, "waiting": stats.get("requests_waiting", 0)}
    return float(found[state])
