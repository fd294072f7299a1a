"""Reads what a run's open branches wait for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from executions.models import Execution
from executions.states import TERMINAL_EXECUTION, BranchStatus, ExecutionStatus
from julep_project.console.queries.errors import failed_alike
from julep_project.console.queries.places import PLACE, label_at, label_of_row
from julep_project.console.queries.rows import Row, rows
from julep_project.console.queries.waits import QUORUM
from julep_project.console.sentences import Fleet, Open, Sentence, failure, others, sentences, status_word
from julep_project.core.clock import now
from tasks.steps.quorum import told

# Of a run with more open branches, the rest is like these.
_MOST = 1000
_ROWS_BEFORE = 1000

_BRANCHES = f"""
    SELECT b.id, b.parent_id, b.status, b.updated_at, b.lease_until, b.lease_owner IS NOT NULL AS is_held, b.wake_at,
           b.held_up, b.wait_id, {PLACE}, b.effect->>'kind' AS kind, b.effect->>'key' AS key,
           coalesce((b.effect->>'attempts')::int, 0) AS attempts, b.effect->'retries'->-1 AS note,
           (b.effect->'options'->'retry'->>'max_attempts')::int AS most_attempts,
           coalesce(b.effect->'request'->'tool'->>'name', b.effect->'request'->'settings'->>'model') AS target,
           b.effect->'waits_for'->>'type' AS waits_for
    FROM executions_branch b
    WHERE b.execution_id = %s AND b.status NOT IN ('done', 'failed', 'cancelled')
    ORDER BY b.status = 'joining', b.created_at LIMIT {_MOST}
"""


class Standing:
    """How a run stands: its sentences, and the word of its status."""

    def __init__(self, execution: Execution, *, may_read: bool, moment: datetime) -> None:
        self.branches: list[Open] = []
        if execution.status in TERMINAL_EXECUTION:
            self.sentences = _ended(execution, may_read=may_read)
        else:
            self.branches = open_branches(execution.pk, execution.task_version_id, may_read=may_read)
            self.sentences = sentences(self.branches, _fleet(self.branches), moment)
        told = [] if execution.status in TERMINAL_EXECUTION else self.sentences
        self.word = status_word(execution.status, told, self.branches)


def open_branches(execution_id: UUID, version_id: UUID, *, may_read: bool) -> list[Open]:
    """The branches of a run that have not ended, with what those ask that wait for an answer."""
    found = rows(_BRANCHES, [execution_id])
    asked = _asked([row["wait_id"] for row in found if row["wait_id"]])
    children = _children([row["id"] for row in found if row["status"] == BranchStatus.JOINING])
    return [
        Open(
            id=row["id"],
            status=row["status"],
            label=label_at(version_id, row["path"], row["pc"], row["display"]),
            updated_at=row["updated_at"],
            lease_until=row["lease_until"],
            is_held=row["is_held"],
            wake_at=row["wake_at"],
            held_up=row["held_up"],
            kind=row["kind"] or "",
            target=row["target"] or "",
            key=row["key"] or "",
            attempts=row["attempts"],
            most_attempts=row["most_attempts"] or settings.MAX_ATTEMPTS,
            note=row["note"],
            wait_id=row["wait_id"],
            asks=_shown(row, asked.get(row["wait_id"]) if may_read else None),
            progress=_progress(asked.get(row["wait_id"])),
            children=children.get(row["id"], {}),
            is_main=row["parent_id"] is None,
        )
        for row in found
    ]


# What a wait asks, unless it is too large for a sentence.
_ASKED = f"""
    SELECT t.id, CASE WHEN pg_column_size(t.output) < 65536 THEN t.output END AS asks, {QUORUM} AS quorum
    FROM executions_transition t WHERE t.id = ANY(%s)
"""
_ASKED_AT_ONCE = 50


def _asked(wait_ids: Sequence[UUID]) -> dict[UUID, Row]:
    if not wait_ids:
        return {}
    return {row["id"]: row for row in rows(_ASKED, [list(wait_ids[:_ASKED_AT_ONCE])])}


def _shown(branch: Row, wait: Row | None) -> Any:
    if wait is None:
        return {"type": branch["waits_for"]} if branch["waits_for"] else None
    return wait["asks"]


def _progress(wait: Row | None) -> str:
    return told(wait["quorum"]) if wait is not None and wait["quorum"] else ""


def _children(parents: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How the children of each stand, that its current step has made."""
    if not parents:
        return {}
    counted = """
        SELECT parent_id, fork, status, count(*) AS number, max(created_at) AS newest FROM executions_branch
        WHERE parent_id = ANY(%s) GROUP BY 1, 2, 3
    """
    forks: dict[UUID, dict[Any, list[Row]]] = {}
    for row in rows(counted, [list(parents)]):
        forks.setdefault(row["parent_id"], {}).setdefault(row["fork"], []).append(row)
    return {
        parent: {row["status"]: row["number"] for row in max(made.values(), key=lambda some: some[0]["newest"])}
        for parent, made in forks.items()
    }


def _fleet(branches: Sequence[Open]) -> Fleet:
    waiting = [branch.updated_at for branch in branches if branch.status == BranchStatus.READY]
    before = 0
    if waiting:
        counted = (
            "SELECT count(*) AS number FROM (SELECT FROM executions_branch "
            "WHERE status = 'ready' AND updated_at < %s LIMIT %s) AS before"
        )
        before = rows(counted, [min(waiting), _ROWS_BEFORE])[0]["number"]
    is_calling = True
    if any(branch.status == BranchStatus.CALLING for branch in branches):
        leased = (
            "SELECT EXISTS (SELECT FROM executions_branch WHERE status = 'calling' AND lease_until > now()) AS found"
        )
        is_calling = rows(leased)[0]["found"]
    return Fleet(rows_before=before, is_calling=is_calling)


_LAST = """
    SELECT t.type, t.step_label, t.current, t.metadata->>'error_type' AS error_type,
           jsonb_array_length(coalesce(t.metadata->'retries', '[]')) AS retries, b.parent_id, b.index,
           CASE WHEN pg_column_size(t.output) < 65536 THEN t.output END AS output
    FROM executions_transition t JOIN executions_branch b ON b.id = t.branch_id
    WHERE t.execution_id = %s AND t.type IN ('error', 'cancelled')
"""
_CANCELLED_BY = """
    SELECT actor_kind, actor_label, actor_id, created_at FROM audit_auditrecord
    WHERE object_id = %s AND verb = 'cancel' ORDER BY created_at DESC LIMIT 1
"""


def _ended(execution: Execution, *, may_read: bool) -> list[Sentence]:
    if execution.status == ExecutionStatus.SUCCEEDED:
        return []
    found = rows(_LAST, [execution.pk])
    if execution.status == ExecutionStatus.CANCELLED:
        reason = found[0]["output"] if found else ""
        by = rows(_CANCELLED_BY, [str(execution.pk)])
        who = (by[0]["actor_label"] or by[0]["actor_kind"]) if by else "nobody known"
        return [Sentence("cancelled", "Cancelled by {}: {}", (who, str(reason or "no reason given")))]
    if not found:
        return [Sentence("failed", "Failed: {}", (execution.error or "",))]
    alike = failed_alike(execution.error_hash, now() - timedelta(days=1)) if execution.error_hash else 0
    return [_failed(found[0], execution.error or ""), *([others(alike - 1)] if alike > 1 else [])]


def _failed(row: Row, error: str) -> Sentence:
    branch = "main" if row["parent_id"] is None else f"item {row['index']}"
    label, step = label_of_row(row["step_label"], row["current"]), row["current"]["step"]
    return failure(label, branch, step, row["retries"] + 1, row["error_type"] or "error", error)
