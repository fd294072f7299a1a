"""Reads of the audit log, limited to one developer."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from agents.audit.models import AuditRecord
from agents.models import Developer
from julep_project.core.api.pagination import Cursor

# Parameters of a search, and what they ask of a row.
FILTERS = {
    "object_kind": "object_kind",
    "object_id": "object_id",
    "actor_kind": "actor_kind",
    "actor_id": "actor_id",
    "verb": "verb",
    "request_id": "request_id",
    "since": "created_at__gte",
    "until": "created_at__lt",
}


def list_records(developer: Developer, wanted: Mapping[str, Any]) -> "QuerySet[AuditRecord]":
    """The rows that meet every filter which is given."""
    conditions = {FILTERS[name]: value for name, value in wanted.items()}
    rows: QuerySet[AuditRecord] = AuditRecord.objects.for_developer(developer).filter(**conditions)
    return rows


def records_behind(rows: "QuerySet[AuditRecord]", last: AuditRecord | None, *, limit: int) -> list[AuditRecord]:
    """The next rows, newest first, behind one that was read before. Others may be written meanwhile."""
    if last is not None:
        rows = Cursor.at(last).behind(rows)
    return list(rows.order_by("-created_at", "-pk")[:limit])
