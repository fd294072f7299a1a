"""What models and tools were asked and what they answered, as far as that is kept."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse

from agents.calls.models import Call, CallKind
from agents.calls.selectors import show_call
from executions.models import Transition
from julep_project.console.page import part
from julep_project.console.permissions import CONTENTS, VIEW, needs
from julep_project.console.views.messages import WHOLE_BYTES, raw_part, shown_messages
from julep_project.core.errors import NotFound

_MOST = 100
_SHOWN_BYTES = 256 * 1024
# The clock of the call and that of the row may differ by so much.
_SLACK = timedelta(milliseconds=50)


def calls_during(row: Transition) -> list[Call]:
    """The calls of the run that began while the step of the row was at work. Steps beside it may have made some."""
    times = row.metadata.get("t") or {}
    attempts = times.get("calls") or []
    if not attempts:
        return []
    begin, end = min(one[0] for one in attempts), max(one[1] for one in attempts)
    between = (_moment(begin) - _SLACK, _moment(end) + _SLACK)
    found = Call.objects.filter(execution_id=row.execution_id, started_at__range=between)
    return list(found.defer("request", "response", "pieces", "rest").order_by("started_at", "id")[:_MOST])


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@needs(VIEW, CONTENTS)
def call(request: HttpRequest, run_id: UUID, call_id: UUID) -> HttpResponse:
    """One call: its messages, settings, tools and answer; with `part` what was sent, what came back, or a line for a
    shell."""
    raw = request.GET.get("part")
    try:
        shown = show_call(call_id, most_bytes=WHOLE_BYTES if raw else _SHOWN_BYTES)
    except NotFound:
        raise Http404("There is no such call, or it is not kept any more") from None
    if shown.call.execution_id != run_id:
        raise Http404("The run has no such call")
    if raw and shown.call.kind == CallKind.MODEL:
        return raw_part(request, shown, raw)
    messages = shown_messages(shown.messages, shown.sizes)
    context = {"call": shown.call, "request_body": shown.request, "response": shown.response, "tools": shown.tools}
    return part(request, "parts/call.html", messages=messages, **context)
