"""What a step, or the run, was given and gave."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from executions.models import Blob, Execution, Transition
from executions.stored_json import REFERENCE, as_stored, is_reference, show
from julep_project.console.difference import canonical, difference
from julep_project.console.page import part
from julep_project.console.permissions import CONTENTS, VIEW, needs
from julep_project.console.queries.log import row_before
from julep_project.console.views.run.lookup import get_row, get_run, number
from julep_project.console.views.run.names import value_of_run
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.visible_text import LONGEST

# Of a value that is asked for whole, a page has so many characters; all of it is had as a file.
_WHOLE = 512 * 1024
_READ = 32 * 1024 * 1024
_OF_RUN = ("state", "metadata")
_WHICH = ("input", "output", *_OF_RUN)
# No larger values are compared line by line.
_DIFFED = 1024 * 1024


def shown_value(run: Execution, row: Transition | None, which: str, *, most: int = LONGEST) -> dict[str, Any]:
    """The beginning of a value as a page shows it."""
    whole = _text_of(run, row, which)
    told = {"value": whole[:most], "left": max(len(whole) - most, 0), "size": len(whole)}
    return {**told, "is_none": not whole, "which": which, "seq": row.seq if row else 0}


def _text_of(run: Execution, row: Transition | None, which: str) -> str:
    """A value as JSON text: of a row its input or output, without a row those of the run and what it has beside them.
    Empty if there is none."""
    if which in _OF_RUN:
        return json.dumps(value_of_run(run, which), ensure_ascii=False, indent=2)
    if row is None:
        return _as_text(Execution.objects.filter(pk=run.pk), which)
    if which == "output":
        return _as_text(Transition.objects.filter(pk=row.pk), "output")
    before = row_before(run.pk, row.seq, row.branch_id, row.scope, row.current["workflow"])
    return "" if before is None else _as_text(Transition.objects.filter(pk=before), "output")


def _as_text(found: Any, column: str) -> str:
    """One that lies in the file storage and cannot be read is told as such."""
    rows = show(as_stored(found, column), column, most_bytes=_READ)
    return json.dumps(getattr(rows[0], column), ensure_ascii=False, indent=2) if rows else ""


@dataclass(frozen=True, slots=True)
class Output:
    """What a run or a step gave, as far as it can be compared line by line: of a larger one there is only its size."""

    size: int
    value: Any = None
    is_whole: bool = False


def output_of_run(run_id: UUID) -> Output | None:
    return _output(Execution.objects.filter(pk=run_id))


def output_of_row(row_id: UUID) -> Output | None:
    return _output(Transition.objects.filter(pk=row_id))


def _output(found: Any) -> Output | None:
    """None, if there is none."""
    rows = list(as_stored(found.filter(output__isnull=False), "output"))
    if not rows:
        return None
    stored = rows[0].output_as_stored
    if is_reference(stored):
        sizes = Blob.objects.filter(name=stored[REFERENCE]).values_list("size", flat=True)
        size = sizes.first() or 0
        if size > _DIFFED:
            return Output(size)
    [row] = show(rows, "output", most_bytes=_DIFFED)
    size = len(to_json_text(row.output))
    return Output(size, row.output, is_whole=True) if size <= _DIFFED else Output(size)


def differing(before: Output | None, after: Output | None) -> dict[str, Any]:
    """What differs in two outputs, if both can be compared here."""
    if before is None or after is None or not (before.is_whole and after.is_whole):
        return {"is_too_large": before is not None and after is not None}
    return {"lines": difference(canonical(before.value), canonical(after.value))}


@needs(VIEW, CONTENTS)
def value(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """A value: as a part of the page, or as a file."""
    run, seq, which = get_run(run_id), number(request, "seq", 0), request.GET.get("of", "output")
    if which not in _WHICH:
        raise BadRequest("A value is one of " + ", ".join(_WHICH))
    row = get_row(run_id, seq) if seq else None
    if request.GET.get("format") == "json":
        headers = {"Content-Disposition": f'attachment; filename="{which}-{seq}.json"'}
        text = _text_of(run, row, which) or "null"
        return HttpResponse(text, content_type="application/json", headers=headers)
    most = _WHOLE if request.GET.get("full") else LONGEST
    return part(request, "parts/value.html", run=run, **shown_value(run, row, which, most=most))
