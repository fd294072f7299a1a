"""Raw Celery: the same shapes without any record of them in a database."""

from functools import cache

import redis
from celery import chain, chord, current_app
from celery.canvas import Signature
from django.conf import settings

from julep_project.bench.table import seconds_of

QUEUE = "bench"
IO_QUEUE = "bench_io"
NOOP = "bench.noop"
ANSWER = "bench.answer"
FETCH = "bench.fetch"

_LONGEST_S = 600


def chain_seconds(length: int) -> float:
    """A chain of so many tasks that do nothing, until its last result is here."""
    links = [*(_task(NOOP) for _ in range(length - 1)), _task(ANSWER)]
    return seconds_of(lambda: chain(*links).apply_async().get(timeout=_LONGEST_S))


def chord_seconds(url: str, width: int) -> float:
    """A chord of so many HTTP requests, until the result of its body is here."""
    return seconds_of(lambda: chord([_task(FETCH, url) for _ in range(width)])(_task(ANSWER)).get(timeout=_LONGEST_S))


def send_noop() -> None:
    _task(NOOP).apply_async()


def waiting() -> int:
    """Tasks in the queue; the few a worker holds are not counted."""
    return int(_redis().llen(QUEUE))


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def _task(name: str, *arguments: str) -> Signature:
    """By name: only the benchmark's own workers load the tasks."""
    queue = IO_QUEUE if name == FETCH else QUEUE
    return current_app.signature(name, args=arguments, immutable=True, queue=queue)
