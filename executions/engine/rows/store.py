"""Commits: what a slice or an effect leaves behind, each in one SQL statement, so all or nothing.

Locks are always taken execution first, then branch, then parent branch, then the parent's next child. A claim locks a
single branch row and waits for nothing else while it holds it, so the order cannot be broken.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction

from executions import crashpoints
from executions.engine.contents import Contents
from executions.engine.draft import TransitionDraft, Verdict, is_at_most_once
from executions.engine.rows.claims import LEASE_END_SQL, TERMINAL_SQL, Claim, loaded
from executions.engine.rows.ending import end_others
from executions.engine.rows.event_probes import probe_of
from executions.engine.rows.statements import fetch_row
from executions.states import (
    FINAL_BRANCH,
    RUNNABLE_BRANCH,
    STATUS_AFTER,
    BranchStatus,
    ExecutionStatus,
    TransitionType,
)
from julep_project.core.clock import now
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.work.draining import is_draining


@dataclass(frozen=True, slots=True)
class Keep:
    """What a message goes on with under its own name when it commits, until its time is over (by `time.monotonic`).

    `effect`: the call the slice ended with. `next_child`: the next child of the same parent, in the place of the one
    that ended.
    """

    owner: str
    until: float
    effect: bool = False
    next_child: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the time is used, or the process is about to stop."""
        return is_draining() or time.monotonic() >= self.until


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit decided: whether the parent became ready by it, and what the message holds now."""

    parent_ready: bool
    claim: Claim | None = None


# The guard comes first and locks both rows (three with a parent); when it finds nothing, nothing below it changes. It
# starts from the branch alone: with the execution's id as well, it might look through all branches of the run.
# The time of a row is told by the machine that made it, within what the database knows: the last commit and this one.
# So time never goes back along the log, whatever branches were written first and whatever clocks machines have.
_COMMIT = """
    WITH guard AS (
        SELECT e.id AS execution_id, e.updated_at AS since, b.id AS branch_id {guard_parent}
        FROM executions_execution e
        JOIN executions_branch b ON b.execution_id = e.id {join_parent}
        WHERE b.id = %(branch)s AND b.version = %(version)s AND b.status = %(held)s AND e.status NOT IN ({terminal})
        FOR UPDATE OF e, b {lock_parent}
    ), head AS (
        UPDATE executions_execution e
        SET transition_count = e.transition_count + %(rows)s,
            runnable = e.runnable + %(runnable)s {parent_runnable},
            open_waits = e.open_waits + %(waits)s,
            state = CASE WHEN %(state)s::jsonb IS NULL THEN e.state ELSE e.state || %(state)s::jsonb END,
            output = CASE WHEN %(final)s::text IS NULL THEN e.output ELSE %(output)s::jsonb END,
            error = coalesce(%(error)s::text, e.error), error_type = coalesce(%(error_type)s::text, e.error_type),
            error_step = coalesce(%(error_step)s::text, e.error_step),
            error_hash = coalesce(%(error_hash)s::text, e.error_hash),
            ended_at = CASE WHEN %(final)s::text IS NOT NULL
                THEN greatest(e.updated_at, date_trunc('milliseconds', clock_timestamp())) END,
            asleep_until = CASE WHEN %(is_asleep)s AND e.runnable + %(runnable)s = 1
                THEN now() + make_interval(secs => %(sleep)s) END,
            status = CASE
                WHEN %(final)s::text IS NOT NULL THEN %(final)s
                WHEN e.open_waits + %(waits)s > 0 AND e.runnable + %(runnable)s {parent_runnable} = 0
                    THEN 'awaiting_input'
                ELSE coalesce(%(status)s::text, CASE e.status WHEN 'awaiting_input' THEN 'running' ELSE e.status END)
            END,
            updated_at = greatest(e.updated_at, date_trunc('milliseconds', clock_timestamp()))
        FROM guard WHERE e.id = guard.execution_id
        RETURNING e.transition_count - %(rows)s AS base, guard.since, e.updated_at AS until
    ), log AS (
        INSERT INTO executions_transition (id, execution_id, branch_id, seq, type, current, next, step_label, output,
                                           metadata, created_at, scope, position, loop)
        SELECT r.id, %(execution)s, %(branch)s, head.base + r.place, r.type, r.current, r.next, r.step_label,
               coalesce(r.output, 'null'), r.metadata, least(greatest(r.created_at, head.since), head.until), r.scope,
               r.position, r.loop
        FROM head, ROWS FROM (jsonb_to_recordset(%(log)s::jsonb) AS (
                 id uuid, type text, current jsonb, next jsonb, step_label text, output jsonb, metadata jsonb,
                 created_at timestamptz, scope uuid, position int, loop uuid))
             WITH ORDINALITY AS r(id, type, current, next, step_label, output, metadata, created_at, scope, position,
                                  loop, place)
    ), own AS (
        UPDATE executions_branch b
        SET status = %(to)s, stack = %(stack)s::jsonb, attempt = %(attempt)s, version = b.version + %(keeps)s,
            lease_owner = %(keeper)s, lease_until = now() + make_interval(secs => %(keep)s),
            wake_at = now() + make_interval(secs => %(sleep)s), rung_at = now(), event = %(event)s::jsonb,
            effect = %(effect)s::jsonb, output = %(own_output)s::jsonb, wait_id = %(wait)s,
            pending_children = %(pending)s, parallelism = %(parallelism)s, held_up = NULL,
            updated_at = date_trunc('milliseconds', clock_timestamp())
        FROM head WHERE b.id = %(branch)s
    ) {more}
    SELECT base {result} FROM head {result_from}
"""

_CHILDREN = """
    , kids AS (
        INSERT INTO executions_branch (id, execution_id, parent_id, fork, index, status, stack, version, attempt,
                                       pending_children)
        SELECT c.id, %(execution)s, %(branch)s, %(fork)s::uuid, c.index, 'pending', c.stack, 0, 0, 0
        FROM head, unnest(%(c_id)s::uuid[], %(c_index)s::int[], %(c_stack)s::jsonb[]) AS c(id, index, stack)
    )
"""

_AGAIN = """
    , again AS (
        UPDATE executions_branch c SET stack = a.stack
        FROM head, unnest(%(a_id)s::uuid[], %(a_stack)s::jsonb[]) AS a(id, stack) WHERE c.id = a.id
    )
"""

_ITEMS = """
    , items AS (
        INSERT INTO executions_loopitem (branch_id, loop, index, value)
        SELECT %(branch)s, i.loop, i.index, i.value
        FROM head, unnest(%(i_loop)s::uuid[], %(i_index)s::int[], %(i_value)s::jsonb[]) AS i(loop, index, value)
    )
"""

# What came before the run is left out, or before what the wait says. The first branch of a copy is as old as that of
# the run that it does again.
_AWAITED = """
    , awaited AS (
        INSERT INTO executions_eventwait (id, developer_id, execution_id, branch_id, name, key, match, probe, since,
                                          attempts, rung_at)
        SELECT %(wait)s, e.developer_id, e.id, %(branch)s, %(w_name)s, %(w_key)s, %(w_match)s::jsonb, %(w_probe)s,
               least(e.created_at, (SELECT min(b.created_at) FROM executions_branch b
                                    WHERE b.id = ANY (ARRAY[%(branch)s, (SELECT t.branch_id FROM executions_transition t
                                                                         WHERE t.execution_id = e.id AND t.seq = 1)])))
                   - make_interval(secs => %(w_since)s), 0, now()
        FROM head, executions_execution e WHERE e.id = %(execution)s
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


# The child that ended leaves its place to the next, so nothing has to be counted. Only a row of `head` makes this look
# for one: by then the rows above it are locked. The statement sees the children as they were before it waited for
# those locks; one that was taken meanwhile is looked at again and left out. Materialized: the search must run once.
_NEXT_CHILD = f"""
    , free AS MATERIALIZED (
        SELECT next.id FROM head CROSS JOIN LATERAL (
            SELECT c.id FROM executions_branch c
            WHERE c.parent_id = %(parent)s AND c.status = 'pending' AND head.base IS NOT NULL
            ORDER BY c.index LIMIT 1 FOR UPDATE SKIP LOCKED) AS next
    ), taken AS (
        UPDATE executions_branch b
        SET status = 'running', version = b.version + 1, attempt = b.attempt + 1, rung_at = now(),
            lease_owner = %(owner)s, lease_until = {LEASE_END_SQL},
            updated_at = date_trunc('milliseconds', clock_timestamp())
        FROM free WHERE b.id = free.id
        RETURNING b.id, b.version, b.attempt, b.stack, b.event
    )
"""
_TAKEN = "taken.id, taken.version, taken.attempt, taken.stack, taken.event"


def commit_slice(
    claim: Claim,
    verdict: Verdict,
    *,
    transitions: list[TransitionDraft],
    stack: list[dict[str, Any]],
    state: Mapping[str, Any],
    items: Mapping[str, list[Any]],
    keep: Keep | None = None,
    attempt: int = 0,
) -> Committed | None:
    """Write a slice. None: the claim was lost or the run ended meanwhile, and nothing was changed.

    `attempt`: how many attempts count on for what comes next.
    """
    counts_down = verdict.status is BranchStatus.DONE and claim.parent_id is not None and verdict.interrupt is None
    keeps_effect = keep is not None and keep.effect and _may_be_kept(verdict)
    takes_child = keep is not None and keep.next_child and counts_down
    if keeps_effect:
        verdict = replace(verdict, effect={**(verdict.effect or {}), "attempts": 1})
    contents = claim.run.contents
    verdict = _packed(verdict, contents)
    parameters = {
        **_claim_parameters(claim),
        "attempt": attempt,
        **_keep_parameters(keep, keeps_effect=keeps_effect),
        **_head_parameters(claim, verdict, transitions, state, contents),
        "log": _log_text(transitions, contents),
        **_branch_parameters(verdict, stack, contents),
        **_children_parameters(verdict, contents),
        **_item_parameters(items, contents),
        **_awaited_parameters(verdict),
    }
    contents.write()
    parts = (_CHILDREN if verdict.children else "") + (_AGAIN if verdict.again else "") + (_ITEMS if items else "")
    parts += _AWAITED if verdict.awaits is not None else ""
    sql = _commit_sql(parts, counts_down, takes_child)
    ends_others = verdict.interrupt is not None or verdict.status is BranchStatus.FAILED
    # By itself the statement is a transaction; one is opened only if more has to end in it.
    with transaction.atomic() if ends_others or crashpoints.is_planned("in_commit") else nullcontext():
        row = fetch_row(sql, parameters)
        if row is None:
            return None
        crashpoints.crashpoint("in_commit", claim.branch_id)
        if ends_others:
            return Committed(parent_ready=end_others(claim, verdict))
    if keeps_effect:
        return Committed(parent_ready=False, claim=_claim_on_effect(claim, verdict, parameters["stack"]))
    following = _fresh_claim(claim, *row[2:]) if takes_child and row[2] is not None else None
    return Committed(parent_ready=counts_down and bool(row[1]), claim=following)


def _packed(verdict: Verdict, contents: Contents) -> Verdict:
    """The verdict with what it says to branches and of the call as rows take it."""
    return replace(
        verdict,
        event=None if verdict.event is None else contents.pack_event(verdict.event),
        interrupt=None if verdict.interrupt is None else contents.pack_event(verdict.interrupt),
        effect=None if verdict.effect is None else contents.pack_effect(verdict.effect),
    )


def _claim_parameters(claim: Claim) -> dict[str, Any]:
    return {
        "execution": claim.execution_id,
        "branch": claim.branch_id,
        "version": claim.version,
        "held": claim.held.value,
        "parent": claim.parent_id,
    }


def _keep_parameters(keep: Keep | None, *, keeps_effect: bool) -> dict[str, Any]:
    """The lease on the next child, and that on the own branch if the message goes on with its call."""
    owner = None if keep is None else keep.owner
    return {
        "owner": owner,
        "lease": settings.LEASE_SECONDS,
        "keeper": owner if keeps_effect else None,
        "keep": settings.LEASE_SECONDS if keeps_effect else None,
        "keeps": int(keeps_effect),
    }


def _may_be_kept(verdict: Verdict) -> bool:
    """Whether the same message may go on with the call: its attempt is counted with the commit.

    A crash between the commit and the call must not leave a doubt about a call that is declared `at_most_once`.
    """
    return verdict.effect is not None and verdict.status is BranchStatus.CALLING and not is_at_most_once(verdict.effect)


def _claim_on_effect(claim: Claim, verdict: Verdict, stack: str) -> Claim:
    """The claim a commit left on its own branch, read as it would be from the row."""
    fresh = _fresh_claim(claim, claim.branch_id, claim.version + 1, 0, stack)
    return replace(fresh, held=BranchStatus.CALLING, effect=loaded(_optional_text(verdict.effect)))


def _fresh_claim(
    claim: Claim, branch_id: UUID, version: int, attempt: int, stack: str, event: str | None = None
) -> Claim:
    """A claim that a commit made, on its own branch or on the next child, which may have to find its place first."""
    return replace(
        claim,
        held=BranchStatus.RUNNING,
        branch_id=branch_id,
        version=version,
        attempt=attempt,
        stack=loaded(stack),
        event=loaded(event),
        effect=None,
        counts_as_wait=False,
        held_up=None,
        has_followers=False,
        ready_at=None,
        taken_at=now(),
    )


def commit_wait(claim: Claim, verdict: Verdict, wait: TransitionDraft) -> bool:
    """Turn a claimed effect into an open wait. False: the claim was lost, nothing was changed."""
    stack = claim.run.contents.unpack_stack(claim.stack)
    committed = commit_slice(claim, verdict, transitions=[wait], stack=stack, state={}, items={})
    return committed is not None


@cache
def _commit_sql(parts: str, counts_down: bool, takes_child: bool) -> str:
    """The commit statement with the parts this slice needs."""
    more = parts + (_PARENT if counts_down else "")
    if not counts_down:
        blanks = dict.fromkeys(("guard_parent", "join_parent", "lock_parent", "parent_runnable"), "")
        return _COMMIT.format(terminal=TERMINAL_SQL, more=more, result="", result_from="", **blanks)
    return _COMMIT.format(
        terminal=TERMINAL_SQL,
        more=more + (_NEXT_CHILD if takes_child else ""),
        guard_parent=", p.pending_children",
        join_parent="JOIN executions_branch p ON p.id = b.parent_id",
        lock_parent=", p",
        parent_runnable="+ CASE WHEN guard.pending_children = 1 THEN 1 ELSE 0 END",
        result=", parent.ready" + (f", {_TAKEN}" if takes_child else ""),
        result_from="LEFT JOIN parent ON true" + (" LEFT JOIN taken ON true" if takes_child else ""),
    )


def _head_parameters(
    claim: Claim, verdict: Verdict, transitions: list[TransitionDraft], state: Mapping[str, Any], contents: Contents
) -> dict[str, Any]:
    """The execution row: counters, and its status by the newest transition or by its end.

    A claimed branch counts as runnable, but for one whose open wait has timed out: that still counts as a wait.
    """
    final = verdict.ends_run(is_main=claim.parent_id is None)
    newest = next((t.type for t in reversed(transitions) if t.type is not TransitionType.WAIT), None)
    return {
        "rows": len(transitions),
        "runnable": len(verdict.children) + (verdict.status in RUNNABLE_BRANCH) - (not claim.counts_as_wait),
        "waits": int(verdict.status is BranchStatus.AWAITING_INPUT) - claim.counts_as_wait,
        "state": to_json_text(contents.pack_state(state)) if state else None,
        "final": final.value if final else None,
        "output": contents.outlined(to_json_text(verdict.output)) if final is ExecutionStatus.SUCCEEDED else None,
        **_fault_parameters(verdict if final else None),
        "is_asleep": verdict.status is BranchStatus.SLEEPING,
        "status": STATUS_AFTER[newest].value if newest else None,
    }


def _fault_parameters(verdict: Verdict | None) -> dict[str, Any]:
    fault = None if verdict is None else verdict.fault
    return {
        "error": None if verdict is None else verdict.error,
        "error_type": None if fault is None else fault.type,
        "error_step": None if fault is None else fault.step,
        "error_hash": None if fault is None else fault.hash,
    }


def _log_text(transitions: list[TransitionDraft], contents: Contents) -> str:
    """All rows as one JSON text: cheaper to write and to send than an array per column."""
    rows = [
        {
            "id": row.id,
            "type": row.type.value,
            "current": row.current,
            "next": row.next,
            "step_label": row.step_label,
            "output": orjson.Fragment(contents.outlined(row.output_text)),
            "metadata": orjson.Fragment(to_json_text(row.metadata)),
            "created_at": row.created_at,
            "scope": row.scope,
            "position": row.position,
            "loop": row.loop,
        }
        for row in transitions
    ]
    return orjson.dumps(rows).decode()


def _branch_parameters(verdict: Verdict, stack: list[dict[str, Any]], contents: Contents) -> dict[str, Any]:
    final = verdict.status in FINAL_BRANCH
    return {
        "to": verdict.status.value,
        "stack": "[]" if final else to_json_text(contents.pack_stack(stack)),
        "sleep": verdict.sleep_s,
        "event": _optional_text(verdict.event),
        "effect": _optional_text(verdict.effect),
        "own_output": contents.outlined(to_json_text(verdict.output)) if final else None,
        "wait": verdict.wait_id,
        "pending": verdict.awaited,
        "parallelism": verdict.parallelism,
    }


def _optional_text(value: Any) -> str | None:
    return None if value is None else to_json_text(value)


def _children_parameters(verdict: Verdict, contents: Contents) -> dict[str, Any]:
    return {
        "fork": verdict.fork,
        "c_id": [child.id for child in verdict.children],
        "c_index": [child.index for child in verdict.children],
        "c_stack": [to_json_text(contents.pack_stack(child.stack)) for child in verdict.children],
        "a_id": list(verdict.again),
        "a_stack": [to_json_text(contents.pack_stack(stack)) for stack in verdict.again.values()],
    }


def _item_parameters(items: Mapping[str, list[Any]], contents: Contents) -> dict[str, Any]:
    flat = [(loop, index, value) for loop, values in items.items() for index, value in enumerate(values)]
    return {
        "i_loop": [loop for loop, _, _ in flat],
        "i_index": [index for _, index, _ in flat],
        "i_value": [contents.outlined(to_json_text(value)) for _, _, value in flat],
    }


def _awaited_parameters(verdict: Verdict) -> dict[str, Any]:
    awaited = verdict.awaits
    if awaited is None:
        return {}
    return {
        "w_name": awaited.name,
        "w_key": awaited.key,
        "w_match": to_json_text(awaited.match),
        "w_probe": probe_of(awaited.match),
        "w_since": awaited.since_s,
    }


# An effect's result touches only its branch. A cancel that has not reached this branch yet overwrites it afterwards,
# one that has makes the guard find nothing: either way a late result never moves a run that was cancelled. The key
# tells whether the branch is still at this effect: a commit that nobody heard of may have led it to the next one.
_COMMIT_EFFECT = f"""
    WITH guard AS (
        SELECT b.id FROM executions_execution e JOIN executions_branch b ON b.execution_id = e.id
        WHERE b.id = %(branch)s AND b.version = %(version)s AND b.status = 'calling'
          AND b.effect->>'key' = %(key)s AND e.status NOT IN ({TERMINAL_SQL})
        FOR UPDATE OF b
    )
    UPDATE executions_branch b
    SET status = %(to)s::text, event = %(event)s::jsonb,
        effect = CASE %(to)s::text WHEN 'ready' THEN NULL ELSE jsonb_set(b.effect, '{{retries}}', %(notes)s::jsonb) END,
        wake_at = now() + make_interval(secs => %(wait)s), rung_at = now(), lease_until = NULL, lease_owner = NULL,
        attempt = 0, held_up = NULL, updated_at = date_trunc('milliseconds', clock_timestamp())
    FROM guard WHERE b.id = guard.id
    RETURNING b.id
"""


def commit_effect(claim: Claim, event: Mapping[str, Any]) -> bool:
    """Record what the world answered and make the branch ready. False: the claim was lost, nothing was changed."""
    contents = claim.run.contents
    packed = contents.pack_event(dict(event))
    contents.write()
    return _finish_effect(claim, BranchStatus.READY, event=to_json_text(packed))


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
        "branch": claim.branch_id,
        "version": claim.version,
        "key": (claim.effect or {}).get("key"),
        "to": to.value,
        "event": event,
        "wait": wait_s,
        "notes": notes,
    }
    return fetch_row(_COMMIT_EFFECT, parameters) is not None
