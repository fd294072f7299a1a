"""Acts on many runs, of all developers, and whom a list of runs is of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from agents.models import Developer
from executions import finding
from executions.bulk.actions import MOST_COUNTED
from executions.bulk.models import BulkVerb
from executions.models import OPEN, Execution
from executions.states import TERMINAL_EXECUTION, ExecutionStatus
from julep_project.console.address import uuid_of
from julep_project.console.queries.rows import Row, rows
from julep_project.console.queries.runs import RunFilter

# Whose runs a list shows is told from so many of its newest.
LOOKED_AT = 5000
_MOST_DEVELOPERS = 50

# Runs that are acted on: of those that are not named, these.
_MET: Mapping[BulkVerb, tuple[tuple[str, ...], tuple[str, ...]]] = {
    BulkVerb.CANCEL: (tuple(OPEN), tuple(OPEN)),
    BulkVerb.RESUME: ((ExecutionStatus.AWAITING_INPUT,), (ExecutionStatus.AWAITING_INPUT,)),
    BulkVerb.DELETE: (tuple(TERMINAL_EXECUTION), tuple(TERMINAL_EXECUTION)),
    BulkVerb.RETRY: ((ExecutionStatus.FAILED, ExecutionStatus.CANCELLED), (ExecutionStatus.FAILED,)),
}
VERBS = tuple(_MET)

_ACTIONS = """
    SELECT b.id, b.action, b.state, b.reason, b.filter, b.options, b.why, b.matched, b.done, b.skipped, b.failed,
           b.actor, b.created_at, b.updated_at, b.developer_id, d.email AS developer,
           b.state IN ('pending', 'in_progress', 'retrying') AS is_open
    FROM bulk_bulkaction b JOIN agents_developer d ON d.id = b.developer_id
"""


def list_actions(*, after: UUID | None, limit: int) -> list[Row]:
    """Bulk actions, the newest first: their ids are in the order of time."""
    behind = "WHERE b.id < %(after)s" if after else ""
    return _told(rows(f"{_ACTIONS} {behind} ORDER BY b.id DESC LIMIT %(limit)s", {"after": after, "limit": limit}))


def get_action(bulk_id: UUID) -> Row | None:
    """One of them."""
    found = _told(rows(f"{_ACTIONS} WHERE b.id = %s", [bulk_id]))
    return found[0] if found else None


def list_failed(bulk_id: UUID, limit: int) -> list[Row]:
    """Runs that could not be acted on, the newest first."""
    return rows(
        "SELECT execution_id, error, created_at FROM bulk_bulkitem WHERE bulk_id = %s AND outcome = 'failed' "
        "ORDER BY id DESC LIMIT %s",
        [bulk_id, limit],
    )


def _told(found: list[Row]) -> list[Row]:
    meant = readable([row["filter"] for row in found])
    return [
        {
            **row,
            "meant": filter_,
            "who": row["actor"].get("label") or row["actor"].get("kind", ""),
            "come_to": (come_to := row["done"] + row["skipped"] + row["failed"]),
            "share": min(come_to / row["matched"], 1.0) if row["matched"] else 1.0,
        }
        for row, filter_ in zip(found, meant, strict=True)
    ]


def readable(filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stored filters, with the names of what they mean and moments as such."""
    tasks = _names("tasks_task", (one.get("task_id") for one in filters))
    agents = _names("agents_agent", (one.get("agent_id") for one in filters))
    return [
        {
            **one,
            "task": tasks.get(one.get("task_id")),
            "agent": agents.get(one.get("agent_id")),
            **{name: datetime.fromisoformat(one[name]) for name in ("since", "until") if name in one},
            "metadata": list(one.get("metadata", {}).items()),
        }
        for one in filters
    ]


def _names(table: str, ids: Iterable[str | None]) -> dict[str | None, str]:
    wanted = list({UUID(one) for one in ids if one})
    found = rows(f"SELECT id, name FROM {table} WHERE id = ANY(%s)", [wanted]) if wanted else []
    return {str(row["id"]): row["name"] for row in found}


def narrowed(wanted: RunFilter, action: BulkVerb) -> RunFilter:
    """Of the runs of a list those that can be acted on; without a status none can. Who names runs one by one means all
    of them that can."""
    possible, usual = _MET[action]
    unsaid = possible if wanted.ids else usual
    status = tuple(one for one in possible if one in wanted.status) if wanted.status else unsaid
    return replace(wanted, status=tuple(str(one) for one in status))


def developers_of(wanted: RunFilter) -> list[Row]:
    """Whose the newest runs of a filter are, and how many of them; who has most comes first."""
    found, parameters = wanted.conditions()
    return rows(
        f"""
        SELECT d.id, d.email, newest.number FROM (
            SELECT developer_id, count(*) AS number FROM (
                SELECT e.developer_id FROM executions_execution e WHERE {" AND ".join(found) or "true"}
                ORDER BY {wanted.order} DESC LIMIT %(looked_at)s) AS e
            GROUP BY 1 ORDER BY 2 DESC LIMIT %(most)s) AS newest
        JOIN agents_developer d ON d.id = newest.developer_id ORDER BY newest.number DESC, d.id
        """,
        {**parameters, "looked_at": LOOKED_AT, "most": _MOST_DEVELOPERS},
    )


def tried_before(developer: Developer, wanted: finding.RunFilter) -> int:
    """How many of the runs that meet a filter were tried again already, as far as they are counted."""
    again = Execution.objects.filter(retried_from=OuterRef("pk"))
    found: int = finding.find_runs(developer, wanted).filter(Exists(again)).order_by()[:MOST_COUNTED].count()
    return found


def named(table: str, developer_id: UUID, text: str) -> list[UUID]:
    """Rows of a developer that an exact name or an id names; two when there are several."""
    found = rows(
        f"SELECT id FROM {table} WHERE developer_id = %s AND (name = %s OR canonical_name = %s OR id = %s) LIMIT 2",
        [developer_id, text, text, uuid_of(text)],
    )
    return [row["id"] for row in found]
