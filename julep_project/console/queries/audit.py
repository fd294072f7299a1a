"""The audit log of all developers, the newest first: its ids are in the order of time."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from julep_project.console.queries.rows import Row, rows

# Of those that the filters leave for no index, so many of the newest are looked at.
LOOKED_AT = 50_000
FILTERS = ("verb", "object_kind", "actor_kind", "actor", "object", "request")
_CONDITIONS = {
    "verb": "a.verb = %(verb)s",
    "object_kind": "a.object_kind = %(object_kind)s",
    "actor_kind": "a.actor_kind = %(actor_kind)s",
    "actor": "(a.actor_label = %(actor)s OR a.actor_id = %(actor)s)",
    "object": "a.object_id = %(object)s",
    "request": "a.request_id = %(request)s",
}
# These have an index of their own.
_INDEXED = ("object",)


def list_acts(wanted: Mapping[str, str], *, after: UUID | None, limit: int) -> list[Row]:
    """Acts that meet all filters that are given, from behind an id on."""
    given = {name: wanted[name] for name in FILTERS if wanted.get(name)}
    conditions = [_CONDITIONS[name] for name in given]
    behind = "a.id < %(after)s" if after else "true"
    source = f"(SELECT * FROM audit_auditrecord a WHERE {behind} ORDER BY a.id DESC LIMIT {LOOKED_AT})"
    if any(name in _INDEXED for name in given) or not given:
        source, conditions = "audit_auditrecord", [*conditions, behind]
    statement = f"""
        SELECT a.id, a.created_at, a.actor_kind, a.actor_id, a.actor_label, a.address, a.request_id, a.verb,
               a.object_kind, a.object_id, a.name, a.before, a.after, a.developer_id
        FROM {source} AS a WHERE {" AND ".join(conditions) or "true"} ORDER BY a.id DESC LIMIT %(limit)s
    """
    parameters: dict[str, Any] = {**given, "after": after, "limit": limit}
    return rows(statement, parameters)
