"""`/audit`: who did what."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.audit.models import AuditRecord
from agents.audit.selectors import list_records, records_behind
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from julep_project.core.actor import ActorKind
from julep_project.core.api.api_schema import JSON_LINES, describe, describe_async
from julep_project.core.api.async_views import api_view
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.exception_handler import answer_for
from julep_project.core.api.pagination import read_page_request
from julep_project.core.api.query import takes
from julep_project.core.api.renderers import to_json
from julep_project.core.api.views import ApiViewSet
from julep_project.core.clock import to_wire
from julep_project.core.database import Threads, run_query
from julep_project.core.live.reader import Lines, line_stream
from julep_project.core.reading.fields import Answer, Body, Example, JsonObject, Text, Timestamp, example_id
from julep_project.core.tenancy import get_or_not_found

# What an export holds at a time: rows of kilobytes each, at most of a hundred.
_EXPORTED_AT_ONCE = 100


class AuditQuery(Body):
    """What narrows the list."""

    example = Example(object_kind="agent", object_id=example_id("agent"))

    object_kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in ObjectKind], required=False)
    object_id = Text(required=False, max_length=64)
    actor_kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in ActorKind], required=False)
    actor_id = Text(required=False, max_length=64)
    verb = serializers.ChoiceField(choices=[(verb.value, verb.value) for verb in Verb], required=False)
    request_id = Text(required=False, max_length=128)
    since = serializers.DateTimeField(required=False, help_text="from this moment on")
    until = serializers.DateTimeField(required=False, help_text="before this moment")


class ActorAnswer(Answer):
    """Who acted as it is answered."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in ActorKind])
    id = Text()
    name = Text()
    address = Text(allow_null=True)


class ObjectAnswer(Answer):
    """What was acted on as it is answered."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in ObjectKind])
    id = Text()
    name = Text()


class AuditAnswer(Answer):
    """One act as it is answered."""

    id = serializers.UUIDField()
    created_at = Timestamp()
    verb = serializers.ChoiceField(choices=[(verb.value, verb.value) for verb in Verb])
    actor = ActorAnswer()
    object = ObjectAnswer()
    request_id = Text(allow_null=True)
    before = JsonObject(allow_null=True)
    after = JsonObject(allow_null=True)


def record_to_wire(row: AuditRecord) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "created_at": to_wire(row.created_at),
        "verb": row.verb,
        "actor": {
            "kind": row.actor_kind,
            "id": row.actor_id,
            "name": row.actor_label,
            "address": row.address or None,
        },
        "object": {"kind": row.object_kind, "id": row.object_id, "name": row.name},
        "request_id": row.request_id or None,
        "before": row.before,
        "after": row.after,
    }


@describe("audit", body=None, answer=AuditAnswer)
class AuditViewSet(ApiViewSet):
    """`/audit` and `/audit/{id}`."""

    resource = "Audit"
    scope = KeyScope.ADMIN

    @takes(AuditQuery)
    def list(self, request: Request) -> Response:
        """Acts, the newest first. Any sort is by time."""
        page = replace(read_page_request(request.query_params), sort_by="created_at")
        rows = page.load(_wanted(self.developer, request))
        return Response({"items": [record_to_wire(row) for row in rows]})

    def retrieve(self, request: Request, id: UUID) -> Response:
        """One act."""
        rows: QuerySet[AuditRecord] = AuditRecord.objects.for_developer(self.developer)
        return Response(record_to_wire(get_or_not_found(rows, id, "Audit record")))


@describe_async("audit_export", method="get", answer=JSON_LINES, query=[AuditQuery])
@api_view("GET", scope=KeyScope.ADMIN)
async def export(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """Every act that the filters of the list mean, the newest first, as JSON lines. What goes wrong on the way is told
    in a last line with the key `error`."""
    rows = _wanted(developer, request)
    lines = Lines(_lines(rows), error_event=partial(_error_line, getattr(request, "request_id", "")))
    await lines.open()
    return line_stream(lines)


def _wanted(developer: Developer, request: Request | HttpRequest) -> "QuerySet[AuditRecord]":
    given = {name: value for name, value in request.GET.items() if value}
    return list_records(developer, AuditQuery.read(given))


async def _lines(rows: "QuerySet[AuditRecord]") -> AsyncGenerator[bytes, None]:
    """No row is left out or told twice, whatever is written meanwhile; no connection is held between pages."""
    last: AuditRecord | None = None
    while page := await run_query(partial(records_behind, rows, last, limit=_EXPORTED_AT_ONCE), Threads.READING):
        yield b"".join(to_json(record_to_wire(row)) + b"\n" for row in page)
        last = page[-1]


def _error_line(request_id: str, error: Exception) -> bytes:
    answer = answer_for(error, operation="export", resource="Audit", request_id=request_id)
    return to_json(answer.body) + b"\n"
