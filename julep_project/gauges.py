"""What `/metrics` tells of the moment: looked at when somebody asks, in Postgres and Redis.

Rows are counted up to a bound, so that it costs little however many there are.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import redis
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import Error as DatabaseError

from agents.vault.checks import count_by_key
from agents.vault.master_keys import read_master_keys
from executions.engine.outage import held_up_branches
from executions.engine.sweep import branches_by_status, late_timer_s
from julep_project.core.database import fetch
from julep_project.core.health import heartbeats
from julep_project.core.health.health import QUEUES
from julep_project.core.pauses.models import PauseScope
from julep_project.core.pauses.standing import in_force
from julep_project.core.telemetry import registry, shared
from julep_project.core.telemetry.exposition import exposition
from julep_project.core.telemetry.metrics import Gauge, Key
from julep_project.core.telemetry.shared import Told
from julep_project.core.tenancy import system_scope
from julep_project.core.work import rings
from julep_project.core.work.keeper import KEEPERS

Found = Iterator[tuple[Gauge, tuple[str, ...], float]]

# What branches say that wait for one, whose names are many.
_PAUSES, _PAUSED = "the end of a pause", "a pause"

_SERVER = "SELECT (SELECT count(*) FROM pg_stat_activity), current_setting('max_connections')::int"
_SIZE = "SELECT pg_database_size(current_database())"


@system_scope()
def all_metrics() -> bytes:
    """Everything, for Prometheus. What does not answer is left out, and `julep_database_up` and `julep_redis_up` say
    so."""
    told = Told()
    # That nobody takes its messages is a number too.
    now: dict[Key, float] = {(registry.WORKERS.name, queue): 0.0 for queue in QUEUES}
    looked_at = _looked_at(registry.REDIS_UP, partial(_of_redis, told))
    now |= told.now | looked_at | _looked_at(registry.DATABASE_UP, _of_database)
    return exposition(told.grown, now)


def _looked_at(up: Gauge, look: Callable[[], Found]) -> dict[Key, float]:
    """What a neighbour says, and whether it does."""
    try:
        found: dict[Key, float] = {(gauge.name, *labels): float(value) for gauge, labels, value in look()}
    except (redis.RedisError, DatabaseError):
        return {(up.name,): 0.0}
    return {**found, (up.name,): 1.0}


def _of_redis(told: Told) -> Found:
    """And what all processes have told, into `told`."""
    found = shared.read()
    told.grown, told.now = found.grown, found.now
    for queue in QUEUES:
        yield registry.QUEUE_MESSAGES, (queue,), rings.backlog(queue)
    for name, keeper in KEEPERS.items():
        age_s = heartbeats.age_s(name)
        yield registry.KEEPER_AGE, (name,), heartbeats.KEPT_S if age_s is None else age_s
        yield registry.KEEPER_EVERY, (name,), keeper.every_s


def _of_database() -> Found:
    for name, keeper in KEEPERS.items():
        if keeper.figures is not None:
            figures = keeper.figures()
            yield registry.WORK_DUE, (name,), figures.due
            yield registry.WORK_OLDEST, (name,), figures.oldest_s
            yield registry.WORK_RUNNING, (name,), figures.running
    for status, count in branches_by_status().items():
        yield registry.BRANCHES, (status,), count
    yield registry.TIMERS_LATE, (), late_timer_s()
    held_up: Counter[str] = Counter()
    for by, count, _, _ in held_up_branches():
        held_up[_PAUSED if by.startswith(_PAUSES) else by] += count
    for neighbour, count in held_up.items():
        yield registry.HELD_UP, (neighbour,), count
    paused = Counter(scope for scope, _ in in_force())
    for scope in PauseScope.values:
        yield registry.PAUSES, (scope,), paused[scope]
    [(connections, most)] = fetch(_SERVER)
    yield registry.DATABASE_CONNECTIONS, (), connections
    yield registry.DATABASE_CONNECTIONS_MOST, (), most
    [(size,)] = fetch(_SIZE)
    yield registry.DATABASE_BYTES, (), size
    yield from _of_disk()
    yield registry.SECRETS_OLD, (), _old_secrets()


def _of_disk() -> Found:
    if isinstance(default_storage, FileSystemStorage):
        # The folder is made when the first content is stored.
        folder = Path(settings.MEDIA_ROOT).absolute()
        usage = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists()))
        yield registry.DISK_FREE, (), usage.free
        yield registry.DISK_BYTES, (), usage.total


def _old_secrets() -> int:
    keys = read_master_keys(settings.SECRETS_MASTER_KEY)
    newest = keys[0].fingerprint if keys else ""
    return sum(count for fingerprint, count in count_by_key().items() if fingerprint != newest)
