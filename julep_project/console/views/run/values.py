"""What a step, or the run, was given and gave."""

import json
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from executions.models import Execution, Transition
from executions.stored_json import as_stored, show
from julep_project.console.page import part
from julep_project.console.permissions import CONTENTS, VIEW, needs
from julep_project.console.queries.log import row_before
from julep_project.console.text import LONGEST
from julep_project.console.views.run.lookup import get_row, get_run, number
from julep_project.console.views.run.names import value_of_run

# Of a value that is asked for whole, a page has so many characters; all of it is had as a file.
_WHOLE = 512 * 1024
_READ = 32 * 1024 * 1024
_OF_RUN = ("state", "metadata")
_WHICH = ("input", "output", *_OF_RUN)


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
