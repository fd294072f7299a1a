"""Doing a run again in several ways at once: a form with a part for each variant, and beginning them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from executions.comparing.comparison import MOST_RUNS
from executions.models import Execution
from executions.retrying.edits import Edits
from executions.retrying.forking import ForkRequest, fork_execution, preview_fork
from executions.retrying.plan import FAILED, START
from executions.retrying.services import RetryRequest
from executions.states import ExecutionStatus
from executions.wire import overrides_to_wire
from julep_project.console.acts import act, is_first
from julep_project.console.address import uuid_of
from julep_project.console.page import page
from julep_project.console.permissions import CONTENTS, OPERATE, VIEW, needs
from julep_project.console.views.run.lookup import get_run
from julep_project.console.views.source import written_step
from julep_project.console.views.typed import read_typed
from julep_project.core.errors import DomainError
from tasks.models import TaskVersion
from tasks.programs.overrides import all_steps, place_of
from tasks.programs.program import Program
from tasks.steps.kinds.calls.prompt import Prompt

# Beside the run that they do again, as many as are compared at once.
MOST_VARIANTS = MOST_RUNS - 1
_MOST_PROMPTS = 50
_FIELDS = ("name", "input", "output", "step", "prompt", "model", "settings")
_LONGEST_NAME = 120

Typed = Mapping[str, str]


@needs(VIEW, OPERATE, CONTENTS)
def ask(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What would be done, and the form."""
    run = get_run(run_id)
    return _form(request, run, _point(run, request.GET), [{"name": "as it was"}, {}])


@act()
def begin(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Begin the variants, and go to where they are compared; or the form again, with what was typed."""
    run, typed = get_run(run_id), _typed(request.POST)
    point = _point(run, request.POST)
    if "more" in request.POST:
        return _form(request, run, point, [*typed, {}][:MOST_VARIANTS])
    try:
        common = RetryRequest(point=point, repeats_once=request.POST.get("repeats_once") == "on")
        variants = [(one["name"][:_LONGEST_NAME], _edits(one, number)) for number, one in enumerate(typed)]
        asked = ForkRequest(common, variants)
        with transaction.atomic():
            if not is_first(request, run.developer_id):
                return HttpResponseRedirect(reverse("admin:console_run", args=[run_id]))
            fork = fork_execution(developer=run.developer, execution_id=run.pk, request=asked)
    except (DomainError, ValueError) as error:
        messages.error(request, _reason(error))
        return _form(request, run, point, typed)
    return HttpResponseRedirect(f"{reverse('admin:console_compare')}?fork={fork.id}")


def _point(run: Execution, given: QueryDict) -> str:
    """Where to begin: `start`, `failed`, or the id of a row of the log."""
    point = given.get("from", "")
    usual = FAILED if run.status == ExecutionStatus.FAILED else START
    return point if point in (START, FAILED) or uuid_of(point) else usual


def _typed(form: QueryDict) -> list[dict[str, str]]:
    """The fields of each variant; one that was left empty counts, since it does the same again."""
    number = min(len(form.getlist("name")), MOST_VARIANTS)
    columns = {name: [*form.getlist(name), *([""] * number)] for name in _FIELDS}
    # Browsers end lines as HTTP does.
    return [{name: columns[name][place].replace("\r\n", "\n").strip() for name in _FIELDS} for place in range(number)]


def _edits(typed: Typed, number: int) -> Edits:
    def told(name: str) -> str:
        return f"{name.capitalize()} of variant {number + 1}"

    values = {name: read_typed(typed[name], told(name)) for name in ("input", "output") if typed[name]}
    prompt: dict[str, Any] = {"model": typed["model"]} if typed["model"] else {}
    if typed["settings"]:
        prompt["settings"] = read_typed(typed["settings"], told("settings"))
        if not isinstance(prompt["settings"], dict):
            raise ValueError(f"{told('settings')} is no object")
    if typed["prompt"]:
        # Messages begin like this, and no text that is meant as one does.
        is_messages = typed["prompt"].startswith(("[{", "[\n", '{"'))
        prompt["prompt"] = read_typed(typed["prompt"], told("prompt")) if is_messages else typed["prompt"]
    # A step that is chosen, and left as it is, says nothing.
    return Edits(**values, step=typed["step"] if prompt else "", prompt=prompt, loc=("variants", number))


def _reason(error: Exception) -> str:
    """With where it is wrong, for those who typed it."""
    if not isinstance(error, DomainError):
        return str(error)
    details = [f"{each.get('loc', '')}: {each.get('msg', '')}" for each in error.extra.get("details", ())]
    issues = [f"{each.get('location', '')}: {each.get('message', '')}" for each in error.extra.get("issues", ())]
    return " ".join([error.message, *details, *issues][:4])


def _form(request: HttpRequest, run: Execution, point: str, variants: Sequence[Typed]) -> HttpResponse:
    context: dict[str, Any] = {"run": run, "point": point, "variants": variants, "most": MOST_VARIANTS}
    try:
        asked = ForkRequest(RetryRequest(point=point), [("", Edits())])
        told = preview_fork(developer=run.developer, execution_id=run.pk, request=asked)
    except DomainError as error:
        return page(request, "fork.html", "Fork", **context, refused=error.message)
    context |= {"told": told, "again": told["variants"][0]["again"], "is_start": not told["copied_transitions"]}
    return page(request, "fork.html", "Fork", **context, **_prompts(run))


def _prompts(run: Execution) -> dict[str, Any]:
    """The prompt steps of the run's program as they were written, and what the run had otherwise."""
    version = TaskVersion.objects.get(pk=run.task_version_id)
    found = [
        {"place": place_of(path), "label": step.label, "written": _written(version, path)}
        for path, step in all_steps(Program.load(version.program))
        if isinstance(step, Prompt)
    ]
    return {"prompts": found[:_MOST_PROMPTS], "overrides": overrides_to_wire(run.overrides)}


def _written(version: TaskVersion, path: Sequence[Any]) -> str:
    return written_step(version.source, path[0], path[1]) if len(path) == 2 else ""
