"""What operators switch off for a while, and what is in force."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from agents.access.models import ApiKey
from agents.models import Developer
from agents.retention.kinds import KINDS
from agents.retention.models import RetentionPeriod
from agents.retention.periods import default_days
from executions.operating.pausing import QUEUES, lift, list_pauses, pause
from julep_project.console.acts import act, back, told
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import VIEW, needs
from julep_project.console.queries.backlog import NONE_HELD, held_by_pauses
from julep_project.console.views.keys import LENGTHS as KEY_LENGTHS
from julep_project.core.api.auth import KeyScope
from julep_project.core.clock import now
from julep_project.core.pauses.models import PauseScope
from tasks.models import Task

_KEYS = 100
LENGTHS = {
    "": None,
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "8h": timedelta(hours=8),
    "1d": timedelta(days=1),
}
# Settings that say how much is let in, and for how long things are tried.
_IN_FORCE = (
    "TENANT_RUNS",
    "TENANT_STREAMS",
    "TENANT_REQUESTS_PER_MINUTE",
    "KEY_REQUESTS_PER_MINUTE",
    "TENANT_SHARE",
    "MAX_ATTEMPTS",
    "LEASE_SECONDS",
    "CHAT_TOOL_ROUNDS",
    "MODEL_TIMEOUT_S",
)


@needs(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """Pauses, keys, and limits."""
    held = held_by_pauses()
    pauses = [{**_shown(row), **held.get(str(row.pk), NONE_HELD)} for row in list_pauses()]
    if form := wanted_format(request):
        return as_file(form, "pauses", pauses)
    keys = ApiKey.objects.select_related("developer").order_by("-created_at")[:_KEYS]
    return page(
        request,
        "controls.html",
        "Controls",
        pauses=pauses,
        scopes=PauseScope.choices,
        queues=QUEUES,
        lengths=list(LENGTHS),
        keys=keys,
        most_keys=_KEYS,
        key_scopes=[scope.value for scope in KeyScope],
        key_lengths=list(KEY_LENGTHS),
        developers=Developer.objects.order_by("created_at")[:2].count(),
        periods=_periods(),
        in_force=[(name, getattr(settings, name)) for name in _IN_FORCE],
    )


def _periods() -> list[dict[str, Any]]:
    """How long rows of each kind are kept, and how many developers have another period."""
    own = dict(RetentionPeriod.objects.order_by().values_list("kind").annotate(Count("pk")))
    return [
        {"kind": name, "text": kind.text, "days": default_days(name), "own": own.get(name, 0)}
        for name, kind in sorted(KINDS.items())
    ]


def _shown(row: Any) -> dict[str, Any]:
    names = ("id", "scope", "key", "reason", "until", "made_by", "created_at")
    told: dict[str, Any] = {name: getattr(row, name) for name in names}
    task = (
        Task.objects.filter(pk=row.key).values_list("name", flat=True).first() if row.scope == PauseScope.TASK else ""
    )
    return {**told, "task": task or ""}


@act()
def make_pause(request: HttpRequest) -> HttpResponse:
    """Stop something from being begun, for a while or until it is lifted."""
    scope, length = request.POST.get("scope", ""), request.POST.get("length", "")
    if scope not in PauseScope.values or length not in LENGTHS:
        raise BadRequest("There is no such pause")
    span = LENGTHS[length]
    key, reason = request.POST.get("key", "").strip(), request.POST.get("reason", "").strip()
    with told(request, "It is paused; all processes know of it within seconds"):
        pause(scope=PauseScope(scope), key=key, reason=reason, until=None if span is None else now() + span)
    return back(request, reverse("admin:console_controls"))


@act()
def lift_pause(request: HttpRequest, pause_id: UUID) -> HttpResponse:
    """Let it go on."""
    with told(request, "The pause is over; what it held up goes on within seconds"):
        lift(pause_id=pause_id)
    return back(request, reverse("admin:console_controls"))
