"""A task: how its runs go, and what its versions say."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse

from executions.operating.pausing import list_pauses
from julep_project.console.difference import difference
from julep_project.console.exports import as_file, wanted_format
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, VIEW, may, needs
from julep_project.console.queries.tasks import COUNTED, LOOKED_BACK, TIMED, list_steps, list_versions, sources
from julep_project.console.views.controls import LENGTHS
from julep_project.console.views.run.lookup import number
from julep_project.console.views.source import as_written
from julep_project.core.clock import now
from julep_project.core.pauses.models import PauseScope
from tasks.models import Task

_EXPORTED = ("number", "created_at", "runs", "succeeded", "failed", "failure_rate", "median", "newest")


@needs(VIEW)
def show(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Its versions with how their runs went, the steps of one of them, and its source or what changed in it."""
    task = Task.objects.select_related("agent", "developer").filter(pk=task_id).first()
    if task is None:
        raise Http404("There is no such task")
    since, chosen = now() - LOOKED_BACK, number(request, "version", task.version_number)
    versions = list_versions(task_id, chosen, since)
    if form := wanted_format(request):
        return as_file(form, f"task-{task_id}", [{name: row[name] for name in _EXPORTED} for row in versions])
    version = next((one for one in versions if one["number"] == chosen), None)
    if version is None:
        raise Http404("The task has no such version")
    return page(
        request,
        "task/page.html",
        task.name,
        task=task,
        versions=versions,
        chosen=chosen,
        steps=list_steps(task_id, version["id"], since),
        paused=_pause_of(task_id),
        lengths=list(LENGTHS),
        most={"runs": COUNTED, "timed": TIMED},
        **(_written(task_id, chosen, number(request, "against", 0)) if may(request, CONTENTS) else {}),
    )


def _pause_of(task_id: UUID) -> Any:
    return next((one for one in list_pauses() if one.scope == PauseScope.TASK and one.key == str(task_id)), None)


def _written(task_id: UUID, chosen: int, against: int) -> dict[str, Any]:
    """The source of a version, or how it differs from that of another."""
    found = {one: as_written(source) for one, source in sources(task_id, {chosen, against}).items() if source}
    told: dict[str, Any] = {"source": found.get(chosen), "against": against}
    if against in found and chosen in found:
        told["lines"] = difference(found[against], found[chosen])
    return told
