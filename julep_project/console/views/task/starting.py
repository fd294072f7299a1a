"""Starting a run of a task: a form made from its `input_schema`, or JSON."""

import json
import shlex
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from executions.services import start_execution
from executions.waits.form import fields_of, read_answer
from julep_project.console.acts import act
from julep_project.console.address import uuid_of
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, OPERATE, VIEW, needs
from julep_project.console.views.typed import read_typed
from julep_project.core.errors import DomainError
from julep_project.core.ids import uuid7
from julep_project.core.pauses.standing import check_intake
from tasks.models import Task
from tasks.selectors import version_of


@needs(VIEW, CONTENTS, OPERATE)
def form(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """A form for the input of a new run. The run has its id already: a form that is sent twice starts one."""
    task = _task(task_id)
    schema = version_of(task.pk, task.version_number).input_schema
    is_json = request.GET.get("as") == "json"
    return page(
        request,
        "task/start.html",
        f"Run {task.name}",
        task=task,
        schema=schema,
        # Those that are needed first: a stored schema has no order.
        fields=[] if is_json else sorted(fields_of(schema), key=lambda field: not field.is_required),
        is_json=is_json,
        run_id=uuid7(),
        # To be pasted into a shell.
        body=shlex.quote(json.dumps({"input": _sample(schema)})),
    )


def _task(task_id: UUID) -> Task:
    task: Task | None = Task.objects.select_related("developer").filter(pk=task_id).first()
    if task is None:
        raise Http404("There is no such task")
    return task


def _sample(schema: Any) -> dict[str, Any]:
    """The defaults of the schema, and nulls."""
    return {field.name: field.default or None for field in fields_of(schema)}


@act()
def begin(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Start the run, and go to its page."""
    task, run_id = _task(task_id), uuid_of(request.POST.get("run_id", ""))
    own = reverse("admin:console_task_start", args=[task_id])
    if run_id is None or run_id.version != 7:
        return HttpResponseRedirect(own)
    try:
        check_intake()
        given = _input(request, task)
        run = start_execution(developer=task.developer, task=task, input_=given, execution_id=run_id)
    except (ValueError, DomainError) as error:
        messages.error(request, getattr(error, "message", None) or str(error))
        return HttpResponseRedirect(own if request.POST.get("form") == "fields" else f"{own}?as=json")
    messages.success(request, "The run has begun")
    return HttpResponseRedirect(reverse("admin:console_run", args=[run.pk]))


def _input(request: HttpRequest, task: Task) -> dict[str, Any]:
    """What the form says: its fields, or the JSON that was typed.

    Raises:
        ValueError: it is no object.
    """
    if request.POST.get("form") == "fields":
        return read_answer(fields_of(version_of(task.pk, task.version_number).input_schema), request.POST)
    value = read_typed(request.POST.get("value", "").strip() or "{}", "The input")
    if not isinstance(value, dict):
        raise ValueError("The input of a run is an object")
    return value
