"""Queues and workers: what waits, as the rows say; and who takes messages, as Redis and the workers say."""

from typing import Any

import redis
from celery import current_app
from django.http import HttpRequest, HttpResponse
from kombu.exceptions import KombuError, OperationalError

from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page, part
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.backlog import MOST, backlog, rows_written
from julep_project.core.health.health import QUEUES
from julep_project.core.redis_client import redis_client

_REPLY_S = 1.0
_RATE_S = 60


@needs(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """How many branches wait for what, from Postgres alone."""
    found = backlog()
    if form := wanted_format(request):
        return as_file(form, "queues", found)
    return page(request, "queues.html", "Queues & workers", kinds=found, most=MOST, rate=rows_written(_RATE_S))


@needs(VIEW)
def workers(request: HttpRequest) -> HttpResponse:
    """Messages in each queue, and the workers that answer: a part of the page, which may take a moment."""
    try:
        context: dict[str, Any] = {"messages": _messages(), "workers": _workers()}
    except (redis.RedisError, OperationalError, KombuError, OSError) as error:
        context = {"trouble": type(error).__name__}
    return part(request, "parts/workers.html", **context)


def _messages() -> list[tuple[str, int]]:
    client = redis_client(_REPLY_S, _REPLY_S)
    lengths: list[Any] = [client.llen(queue) for queue in QUEUES]
    return [(queue, int(length)) for queue, length in zip(QUEUES, lengths, strict=True)]


def _workers() -> list[dict[str, Any]]:
    inspect = current_app.control.inspect(timeout=_REPLY_S)
    queues, active = inspect.active_queues() or {}, inspect.active() or {}
    return [
        {
            "name": name,
            "queues": ", ".join(sorted(one["name"] for one in given)),
            "under_way": len(active.get(name, ())),
        }
        for name, given in sorted(queues.items())
    ]
