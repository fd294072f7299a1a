"""Claim and commit: the two statements that move a branch. Each is one SQL statement, so it is all or nothing.

Locks are always taken execution first, then branch, then parent branch. A claim locks a single branch row and waits
for nothing else while it holds it, so the order cannot be broken.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from executions.crashpoints import crashpoint
from executions.engine.draft import TransitionDraft, Verdict
from executions.models import Branch, Execution
from executions.states import (
    FINAL_BRANCH,
    RUNNABLE_BRANCH,
    STATUS_AFTER,
    TERMINAL_EXECUTION,
    BranchStatus,
    ExecutionStatus,
    TransitionType,
)
from julep_project.core.jsontext import to_json_text


@dataclass(frozen=True, slots=True)
class Claim:
    """A branch this worker holds, under the version it has to name when it commits."""

    branch_id: UUID
    execution_id: UUID
    parent_id: UUID | None
    version: int
    attempt: int
    stack: list[dict[str, Any]]
    event: dict[str, Any] | None
    effect: dict[str, Any] | None
    counts_as_wait: bool
    task_version_id: UUID
    developer_id: UUID


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit decided: whether the parent became ready by it."""

    parent_ready: bool


_CLAIM_COLUMNS = """
    b.id, b.execution_id, b.parent_id, b.version, b.attempt, b.stack, b.event, b.effect, b.wait_id IS NOT NULL,
    e.task_version_id, e.developer_id
"""

_TERMINAL_SQL = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL_EXECUTION))

# A claim need not wait for the disk. If the database server crashes and forgets one, its worker's connection is gone
# too, so nothing was or can be committed under it, and a slice has no effect outside: the row is ready as before. The
# commit that follows waits, and with it goes everything written earlier. An effect's claim waits: it counts attempts.
_CLAIM_ADVANCE = f"""
    WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true))
    UPDATE executions_branch b
    SET status = 'running', version = b.version + 1, attempt = b.attempt + 1, wake_at = NULL,
        event = CASE b.status WHEN 'awaiting_input' THEN '{{"kind": "timed_out"}}'::jsonb ELSE b.event END,
        lease_owner = %(owner)s, lease_until = now() + make_interval(secs => %(lease)s)
    FROM unhurried, executions_execution e
    WHERE b.id = %(branch)s AND e.id = b.execution_id AND e.status NOT IN ({_TERMINAL_SQL})
      AND (b.status = 'ready'
           OR (b.status = 'running' AND (b.lease_until < now() OR b.lease_owner = %(owner)s))
           OR (b.status IN ('sleeping', 'awaiting_input') AND b.wake_at <= now()))
    RETURNING {_CLAIM_COLUMNS}
"""

_CLAIM_EFFECT = f"""
    UPDATE executions_branch b
    SET version = b.version + 1, wake_at = NULL,
        effect = jsonb_set(b.effect, '{{attempts}}', to_jsonb((b.effect->>'attempts')::int + 1)),
        lease_owner = %(owner)s, lease_until = now() + make_interval(secs => %(lease)s)
    FROM executions_execution e
    WHERE b.id = %(branch)s AND e.id = b.execution_id AND e.status NOT IN ({_TERMINAL_SQL})
      AND b.status = 'calling'
      AND (b.lease_until IS NULL OR b.lease_until < now() OR b.lease_owner = %(owner)s)
      AND (b.wake_at IS NULL OR b.wake_at <= now())
    RETURNING {_CLAIM_COLUMNS}
"""


def claim_branch(branch_id: UUID, owner: str) -> Claim | None:
    """Take a branch that can go on. None: someone else holds it, or there is nothing to do."""
    return _claim(_CLAIM_ADVANCE, branch_id, owner)


def claim_effect(branch_id: UUID, owner: str) -> Claim | None:
    """Take the effect a branch waits for; its attempt is counted before it runs."""
    return _claim(_CLAIM_EFFECT, branch_id, owner)


def _claim(sql: str, branch_id: UUID, owner: str) -> Claim | None:
    parameters: dict[str, Any] = {"branch": branch_id, "owner": owner, "lease": settings.LEASE_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    branch, execution, parent, version, attempt, stack, event, effect, waits, task_version, developer = row
    return Claim(
        branch_id=branch,
        execution_id=execution,
        parent_id=parent,
        version=version,
        attempt=attempt,
        stack=_loaded(stack),
        event=_loaded(event),
        effect=_loaded(effect),
        counts_as_wait=waits,
        task_version_id=task_version,
        developer_id=developer,
    )


def _loaded(value: Any) -> Any:
    """A raw cursor hands `jsonb` over as text, because Django leaves its decoding to the field."""
    return json.loads(value) if isinstance(value, str) else value


# The guard comes first and locks both rows (three with a parent); when it finds nothing, nothing below it changes.
_COMMIT = """
    WITH guard AS (
        SELECT e.id AS execution_id, b.id AS branch_id {guard_parent}
        FROM executions_execution e
        JOIN executions_branch b ON b.execution_id = e.id {join_parent}
        WHERE e.id = %(execution)s AND b.id = %(branch)s AND b.version = %(version)s AND b.status = %(held)s
          AND e.status NOT IN ({terminal})
        FOR UPDATE OF e, b {lock_parent}
    ), head AS (
        UPDATE executions_execution e
        SET transition_count = e.transition_count + %(rows)s,
            runnable = e.runnable + %(runnable)s {parent_runnable},
            open_waits = e.open_waits + %(waits)s,
            state = CASE WHEN %(state)s::jsonb IS NULL THEN e.state ELSE e.state || %(state)s::jsonb END,
            output = CASE WHEN %(final)s::text IS NULL THEN e.output ELSE %(output)s::jsonb END,
            error = coalesce(%(error)s::text, e.error),
            status = CASE
                WHEN %(final)s::text IS NOT NULL THEN %(final)s
                WHEN e.open_waits + %(waits)s > 0 AND e.runnable + %(runnable)s {parent_runnable} = 0
                    THEN 'awaiting_input'
                ELSE coalesce(%(status)s::text, CASE e.status WHEN 'awaiting_input' THEN 'running' ELSE e.status END)
            END,
            updated_at = date_trunc('milliseconds', clock_timestamp())
        FROM guard WHERE e.id = guard.execution_id
        RETURNING e.transition_count - %(rows)s AS base
    ), log AS (
        INSERT INTO executions_transition (id, execution_id, branch_id, seq, type, current, next, step_label, output,
                                           metadata, created_at, scope, position, loop)
        SELECT r.id, %(execution)s, %(branch)s, head.base + r.place, r.type, r.current, r.next, r.step_label, r.output,
               r.metadata, r.created_at, r.scope, r.position, r.loop
        FROM head, unnest(%(t_id)s::uuid[], %(t_type)s::text[], %(t_current)s::jsonb[], %(t_next)s::jsonb[],
                          %(t_label)s::text[], %(t_output)s::jsonb[], %(t_metadata)s::jsonb[],
                          %(t_created)s::timestamptz[], %(t_scope)s::uuid[], %(t_position)s::int[],
                          %(t_loop)s::uuid[])
             WITH ORDINALITY AS r(id, type, current, next, step_label, output, metadata, created_at, scope, position,
                                  loop, place)
    ), own AS (
        UPDATE executions_branch b
        SET status = %(to)s, stack = %(stack)s::jsonb, attempt = 0, lease_until = NULL, lease_owner = NULL,
            wake_at = now() + make_interval(secs => %(sleep)s), rung_at = now(), event = %(event)s::jsonb,
            effect = %(effect)s::jsonb, output = %(own_output)s::jsonb, wait_id = %(wait)s,
            pending_children = %(pending)s, parallelism = %(parallelism)s,
            updated_at = date_trunc('milliseconds', clock_timestamp())
        FROM head WHERE b.id = %(branch)s
    ) {more}
    SELECT base {parent_result} FROM head {parent_from}
"""

_CHILDREN = """
    , kids AS (
        INSERT INTO executions_branch (id, execution_id, parent_id, fork, index, status, stack, version, attempt,
                                       pending_children)
        SELECT c.id, %(execution)s, %(branch)s, %(fork)s::uuid, c.index, 'pending', c.stack, 0, 0, 0
        FROM head, unnest(%(c_id)s::uuid[], %(c_index)s::int[], %(c_stack)s::jsonb[]) AS c(id, index, stack)
    )
"""

_ITEMS = """
    , items AS (
        INSERT INTO executions_loopitem (branch_id, loop, index, value)
        SELECT %(branch)s, i.loop, i.index, i.value
        FROM head, unnest(%(i_loop)s::uuid[], %(i_index)s::int[], %(i_value)s::jsonb[]) AS i(loop, index, value)
    )
"""

_PARENT = """
    , parent AS (
        UPDATE executions_branch p
        SET pending_children = p.pending_children - 1, updated_at = date_trunc('milliseconds', clock_timestamp()),
            status = CASE WHEN p.pending_children = 1 THEN 'ready' ELSE p.status END,
            event = CASE WHEN p.pending_children = 1 THEN '{"kind": "joined"}'::jsonb ELSE p.event END,
            rung_at = CASE WHEN p.pending_children = 1 THEN now() ELSE p.rung_at END
        FROM head WHERE p.id = %(parent)s AND p.status = 'joining'
        RETURNING p.status = 'ready' AS ready
    )
"""


def commit_slice(
    claim: Claim,
    verdict: Verdict,
    *,
    transitions: list[TransitionDraft],
    stack: list[dict[str, Any]],
    state: Mapping[str, Any],
    items: Mapping[str, list[Any]],
    held: BranchStatus = BranchStatus.RUNNING,
) -> Committed | None:
    """Write a slice. None: the claim was lost or the run ended meanwhile, and nothing was changed."""
    counts_down = verdict.status is BranchStatus.DONE and claim.parent_id is not None and verdict.interrupt is None
    parameters = {
        "execution": claim.execution_id,
        "branch": claim.branch_id,
        "version": claim.version,
        "held": held.value,
        "parent": claim.parent_id,
        **_head_parameters(claim, verdict, transitions, state),
        **_log_parameters(transitions),
        **_branch_parameters(verdict, stack),
        **_children_parameters(verdict),
        **_item_parameters(items),
    }
    sql = _commit_sql(bool(verdict.children), bool(items), counts_down)
    ends_others = verdict.interrupt is not None or verdict.status is BranchStatus.FAILED
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
        if row is None:
            return None
        crashpoint("in_commit")
        if ends_others:
            return _end_others(claim, verdict)
    return Committed(parent_ready=counts_down and bool(row[1]))


def commit_wait(claim: Claim, verdict: Verdict, wait: TransitionDraft) -> bool:
    """Turn a claimed effect into an open wait. False: the claim was lost, nothing was changed."""
    committed = commit_slice(
        claim, verdict, transitions=[wait], stack=claim.stack, state={}, items={}, held=BranchStatus.CALLING
    )
    return committed is not None


def _commit_sql(has_children: bool, has_items: bool, counts_down: bool) -> str:
    """The commit statement with the parts this slice needs."""
    more = (_CHILDREN if has_children else "") + (_ITEMS if has_items else "") + (_PARENT if counts_down else "")
    if not counts_down:
        blanks = dict.fromkeys(("guard_parent", "join_parent", "lock_parent", "parent_runnable"), "")
        return _COMMIT.format(terminal=_TERMINAL_SQL, more=more, parent_result="", parent_from="", **blanks)
    return _COMMIT.format(
        terminal=_TERMINAL_SQL,
        more=more,
        guard_parent=", p.pending_children",
        join_parent="JOIN executions_branch p ON p.id = b.parent_id",
        lock_parent=", p",
        parent_runnable="+ CASE WHEN guard.pending_children = 1 THEN 1 ELSE 0 END",
        parent_result=", parent.ready",
        parent_from="LEFT JOIN parent ON true",
    )


def _head_parameters(
    claim: Claim, verdict: Verdict, transitions: list[TransitionDraft], state: Mapping[str, Any]
) -> dict[str, Any]:
    """The execution row: counters, and its status by the newest transition or by its end.

    A claimed branch counts as runnable, but for one whose open wait has timed out: that still counts as a wait.
    """
    final = None
    if verdict.status is BranchStatus.FAILED and verdict.interrupt is None:
        final = ExecutionStatus.FAILED
    elif verdict.status is BranchStatus.DONE and claim.parent_id is None:
        final = ExecutionStatus.SUCCEEDED
    newest = next((t.type for t in reversed(transitions) if t.type is not TransitionType.WAIT), None)
    return {
        "rows": len(transitions),
        "runnable": len(verdict.children) + (verdict.status in RUNNABLE_BRANCH) - (not claim.counts_as_wait),
        "waits": int(verdict.status is BranchStatus.AWAITING_INPUT) - claim.counts_as_wait,
        "state": to_json_text(dict(state)) if state else None,
        "final": final.value if final else None,
        "output": to_json_text(verdict.output) if final is ExecutionStatus.SUCCEEDED else None,
        "error": verdict.error if final else None,
        "status": STATUS_AFTER[newest].value if newest else None,
    }


def _log_parameters(transitions: list[TransitionDraft]) -> dict[str, Any]:
    return {
        "t_id": [t.id for t in transitions],
        "t_type": [t.type.value for t in transitions],
        "t_current": [to_json_text(t.current) for t in transitions],
        "t_next": [None if t.next is None else to_json_text(t.next) for t in transitions],
        "t_label": [t.step_label for t in transitions],
        "t_output": [t.output_text for t in transitions],
        "t_metadata": [to_json_text(t.metadata) for t in transitions],
        "t_created": [t.created_at for t in transitions],
        "t_scope": [t.scope for t in transitions],
        "t_position": [t.position for t in transitions],
        "t_loop": [t.loop for t in transitions],
    }


def _branch_parameters(verdict: Verdict, stack: list[dict[str, Any]]) -> dict[str, Any]:
    final = verdict.status in FINAL_BRANCH
    return {
        "to": verdict.status.value,
        "stack": "[]" if final else to_json_text(stack),
        "sleep": verdict.sleep_s,
        "event": _optional_text(verdict.event),
        "effect": _optional_text(verdict.effect),
        "own_output": to_json_text(verdict.output) if final else None,
        "wait": verdict.wait_id,
        "pending": len(verdict.children),
        "parallelism": verdict.parallelism,
    }


def _optional_text(value: Any) -> str | None:
    return None if value is None else to_json_text(value)


def _children_parameters(verdict: Verdict) -> dict[str, Any]:
    return {
        "fork": verdict.fork,
        "c_id": [child.id for child in verdict.children],
        "c_index": [child.index for child in verdict.children],
        "c_stack": [to_json_text(child.stack) for child in verdict.children],
    }


def _item_parameters(items: Mapping[str, list[Any]]) -> dict[str, Any]:
    flat = [(loop, index, to_json_text(value)) for loop, values in items.items() for index, value in enumerate(values)]
    return {
        "i_loop": [loop for loop, _, _ in flat],
        "i_index": [index for _, index, _ in flat],
        "i_value": [value for _, _, value in flat],
    }


def _end_others(claim: Claim, verdict: Verdict) -> Committed:
    """End the branches a failure or a `return` inside an arm takes with it. The execution row is locked by the commit.

    A failure ends them all. A `return` ends the siblings and what hangs below them, and hands its value to the parent.
    """
    if verdict.interrupt is None:
        others = Branch.objects.filter(execution_id=claim.execution_id).exclude(pk=claim.branch_id)
        _cancel(others.exclude(status__in=FINAL_BRANCH).values_list("pk", flat=True))
        return Committed(parent_ready=False)
    assert claim.parent_id is not None
    _cancel(_descendants(claim.parent_id))
    Branch.objects.filter(pk=claim.parent_id, status=BranchStatus.JOINING).update(
        status=BranchStatus.READY, event=verdict.interrupt, pending_children=0
    )
    _recount_branches(claim.execution_id)
    return Committed(parent_ready=True)


def _descendants(branch_id: UUID) -> list[UUID]:
    """Unfinished branches below this one, at any depth."""
    found: list[UUID] = []
    level = [branch_id]
    while level:
        level = list(
            Branch.objects.filter(parent_id__in=level).exclude(status__in=FINAL_BRANCH).values_list("pk", flat=True)
        )
        found += level
    return found


def _cancel(branch_ids: Iterable[UUID]) -> None:
    """End branches from outside. Whatever their workers still bring is refused, because the status has changed."""
    Branch.objects.filter(pk__in=list(branch_ids)).update(
        status=BranchStatus.CANCELLED, lease_until=None, lease_owner=None, wake_at=None, effect=None, stack=[]
    )


def _recount_branches(execution_id: UUID) -> None:
    """Set the counters from the branches, one of which was just made ready. The caller holds the execution's lock."""
    branches = Branch.objects.filter(execution_id=execution_id)
    Execution.objects.filter(pk=execution_id).update(
        runnable=branches.filter(status__in=RUNNABLE_BRANCH).count(),
        open_waits=branches.filter(status=BranchStatus.AWAITING_INPUT).count(),
        status=ExecutionStatus.RUNNING,
    )


def cancel_branches(execution_id: UUID) -> None:
    """End every unfinished branch of a run. The caller holds the execution's row lock."""
    unfinished = Branch.objects.filter(execution_id=execution_id).exclude(status__in=FINAL_BRANCH)
    _cancel(unfinished.values_list("pk", flat=True))


# An effect's result touches only its branch. A cancel that has not reached this branch yet overwrites it afterwards,
# one that has makes the guard find nothing: either way a late result never moves a run that was cancelled.
_COMMIT_EFFECT = f"""
    WITH guard AS (
        SELECT b.id FROM executions_execution e JOIN executions_branch b ON b.execution_id = e.id
        WHERE e.id = %(execution)s AND b.id = %(branch)s AND b.version = %(version)s AND b.status = 'calling'
          AND e.status NOT IN ({_TERMINAL_SQL})
        FOR UPDATE OF b
    )
    UPDATE executions_branch b
    SET status = %(to)s, event = %(event)s::jsonb,
        effect = CASE %(to)s WHEN 'ready' THEN NULL ELSE jsonb_set(b.effect, '{{retries}}', %(notes)s::jsonb) END,
        wake_at = now() + make_interval(secs => %(wait)s), rung_at = now(), lease_until = NULL, lease_owner = NULL,
        attempt = 0, updated_at = date_trunc('milliseconds', clock_timestamp())
    FROM guard WHERE b.id = guard.id
    RETURNING b.id
"""


def commit_effect(claim: Claim, event: Mapping[str, Any]) -> bool:
    """Record what the world answered and make the branch ready. False: the claim was lost, nothing was changed."""
    return _finish_effect(claim, BranchStatus.READY, event=to_json_text(dict(event)))


def retry_effect(claim: Claim, wait_s: float, notes: Sequence[Mapping[str, Any]]) -> bool:
    """Let the effect be tried again after a pause, with what is to be known of the attempts so far.

    False: the claim was lost, nothing was changed.
    """
    return _finish_effect(
        claim, BranchStatus.CALLING, wait_s=wait_s, notes=to_json_text([dict(note) for note in notes])
    )


def _finish_effect(
    claim: Claim, to: BranchStatus, *, event: str | None = None, wait_s: float | None = None, notes: str | None = None
) -> bool:
    parameters: dict[str, Any] = {
        "execution": claim.execution_id,
        "branch": claim.branch_id,
        "version": claim.version,
        "to": to.value,
        "event": event,
        "wait": wait_s,
        "notes": notes,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMMIT_EFFECT, parameters)
        return cursor.fetchone() is not None


def take_child(parent_id: UUID) -> UUID | None:
    """Start the next pending child if `parallelism` leaves room. None: no room or no child left.

    The parent's row lock makes counting and taking one step; the second statement sees what the last holder committed.
    As with a claim, a start that a crash of the database server forgets is made again.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT parallelism, set_config('synchronous_commit', 'off', true)
            FROM executions_branch WHERE id = %s AND status = 'joining' FOR UPDATE
            """,
            [parent_id],
        )
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute(
            """
            UPDATE executions_branch SET status = 'ready', rung_at = now(), updated_at = now()
            WHERE id = (
                SELECT id FROM executions_branch WHERE parent_id = %(parent)s AND status = 'pending'
                  AND %(room)s > (SELECT count(*) FROM executions_branch
                                  WHERE parent_id = %(parent)s AND status IN ('ready', 'running', 'calling'))
                ORDER BY index LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,
            {"parent": parent_id, "room": row[0]},
        )
        taken = cursor.fetchone()
        return taken[0] if taken else None
