"""Queues and workers: what waits, as the rows say; and who takes messages, as Redis and the workers say."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import redis
from celery import current_app
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from kombu.exceptions import KombuError, OperationalError

from executions.operating.ringing import MOST as MOST_RUNG
from executions.operating.ringing import QUEUES as QUEUES_RUNG
from executions.operating.ringing import ring_again
from executions.operating.workers import drain_worker, list_workers
from julep_project.console.acts import act, back, told
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page, part
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.backlog import MOST, WAITS, backlog, pace
from julep_project.core.health.health import QUEUES
from julep_project.core.redis_client import redis_client
from julep_project.core.work.rings import messages_in

_REPLY_S = 1.0


@needs(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """How many branches wait for what, from Postgres alone."""
    at = pace()
    found = backlog(at)
    if form := wanted_format(request):
        return as_file(form, "queues", found)
    return page(
        request,
        "queues.html",
        "Queues & workers",
        kinds=found,
        most=MOST,
        pace=at,
        waits=WAITS,
        known=list_workers(),
        drain=timedelta(seconds=settings.DRAIN_SECONDS),
        most_rung=MOST_RUNG,
        rung_queues=QUEUES_RUNG,
    )


@needs(VIEW)
def workers(request: HttpRequest) -> HttpResponse:
    """Messages in each queue, and the workers that answer: a part of the page, which may take a moment."""
    try:
        lengths = _lengths()
        found = _workers()
        serving = [sum(queue in worker["queues"] for worker in found) for queue in QUEUES]
        context: dict[str, Any] = {"messages": list(zip(QUEUES, lengths, serving, strict=True)), "workers": found}
    except (redis.RedisError, OperationalError, KombuError, OSError) as error:
        context = {"trouble": type(error).__name__}
    return part(request, "parts/workers.html", **context)


@act()
def ring(request: HttpRequest) -> HttpResponse:
    """Send wake-ups again for what waits for workers of a queue."""
    with told(request, "Wake-ups are on their way, as many at a time as the queue has room for"):
        ring_again(queue=request.POST.get("queue", ""))
    return back(request, reverse("admin:console_queues"))


@act()
def drain(request: HttpRequest, worker_id: UUID) -> HttpResponse:
    """Ask a worker to end what it does, and then itself."""
    with told(request, "The worker takes nothing new as soon as it hears of it, within half a minute"):
        drain_worker(worker_id=worker_id)
    return back(request, reverse("admin:console_queues"))


def _lengths() -> list[int]:
    redis_client(_REPLY_S, _REPLY_S).ping()  # where it is away, the broker's own connections would be waited for
    return [messages_in(queue) for queue in QUEUES]


def _workers() -> list[dict[str, Any]]:
    inspect = current_app.control.inspect(timeout=_REPLY_S)
    queues, active = inspect.active_queues() or {}, inspect.active() or {}
    return [
        {
            "name": name,
            "queues": sorted(one["name"] for one in given),
            "under_way": len(active.get(name, ())),
        }
        for name, given in sorted(queues.items())
    ]
