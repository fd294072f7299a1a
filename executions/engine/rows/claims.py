"""Claims: statements by which a message takes a branch, its effect or the next child, and no other message can.

Each locks a single branch row and waits for nothing else while it holds it; only taking a child locks its parent first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from executions.engine.rows.statements import fetch_row, fetch_rows
from executions.engine.rows.turns import HAS_FOLLOWERS
from executions.engine.run import Run
from executions.models import Branch
from executions.states import HOLDS_PLACE, TERMINAL_EXECUTION, BranchStatus
from julep_project.core.clock import now
from julep_project.core.telemetry.registry import BRANCH_WAIT, TIMER_LATENESS
from julep_project.core.work.lease import LEASE_END


@dataclass(frozen=True, slots=True)
class Claim:
    """A branch this worker holds, under the version it has to name when it commits.

    `held` is the status it is held in: `running` for a slice, `calling` for its effect. `is_nested`: its parent is a
    child itself. `has_followers`: the run has not begun, and others of its developer may wait for that. `ready_at`:
    since when it had waited for a worker, if it had.
    """

    held: BranchStatus
    branch_id: UUID
    execution_id: UUID
    parent_id: UUID | None
    version: int
    attempt: int
    stack: list[dict[str, Any]]
    event: dict[str, Any] | None
    effect: dict[str, Any] | None
    counts_as_wait: bool
    is_nested: bool
    held_up: dict[str, Any] | None
    has_followers: bool
    ready_at: datetime | None
    run: Run = field(repr=False, compare=False)
    taken_at: datetime = field(default_factory=now, compare=False)


_CLAIM_COLUMNS = f"""
    b.id, b.execution_id, b.parent_id, b.version, b.attempt, b.stack, b.event, b.effect, b.wait_id IS NOT NULL,
    coalesce((SELECT p.parent_id IS NOT NULL FROM executions_branch p WHERE p.id = b.parent_id), false),
    b.held_up, {HAS_FOLLOWERS}, b.updated_at, e.task_version_id, e.developer_id, e.key_id, to_jsonb(e.traceparent),
    e.overrides IS NOT NULL, e.called_by, e.counts_for
"""

LEASE_END_SQL = LEASE_END.format(seconds="%(lease)s")
TERMINAL_SQL = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL_EXECUTION))

# A claim need not wait for the disk. If the database server crashes and forgets one, its worker's connection is gone
# too, so nothing was or can be committed under it, and a slice has no effect outside: the row is ready as before. The
# commit that follows waits, and with it goes everything written earlier.
_CLAIM_ADVANCE = f"""
    WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true)), timer AS (
        SELECT wake_at FROM executions_branch WHERE id = %(branch)s AND status IN ('sleeping', 'awaiting_input')
    )
    UPDATE executions_branch b
    SET status = 'running', version = b.version + 1, attempt = b.attempt + 1, wake_at = NULL,
        event = CASE b.status WHEN 'awaiting_input'
            THEN jsonb_build_object('kind', 'timed_out', 'wait', b.wait_id) ELSE b.event END,
        lease_owner = %(owner)s, lease_until = {LEASE_END_SQL}
    FROM unhurried, executions_execution e LEFT JOIN timer ON true
    WHERE b.id = %(branch)s AND e.id = b.execution_id AND e.status NOT IN ({TERMINAL_SQL})
      AND (b.status = 'ready'
           OR (b.status = 'running' AND (b.lease_until < now() OR b.lease_owner = %(owner)s))
           OR (b.status IN ('sleeping', 'awaiting_input') AND b.wake_at <= now()))
    RETURNING {_CLAIM_COLUMNS}, timer.wake_at IS NOT NULL,
              extract(epoch FROM now() - coalesce(timer.wake_at, b.updated_at))::float
"""

# What is declared `at_most_once` must not be forgotten to have been tried. For other calls a count that is lost with
# the database server only means that one more attempt is allowed, under the same key. Whoever makes the call holds no
# connection meanwhile and so outlives such a crash: a version counted up by one could be given out a second time, and
# then the result of the forgotten claim would pass for that of its successor. The time is given out only once.
#
# A message that comes twice cannot tell whether its first delivery is still at the call: only the lease can.
_CLAIM_EFFECT = f"""
    WITH unhurried AS (
        SELECT set_config('synchronous_commit', 'off', true) FROM executions_branch
        WHERE id = %(branch)s AND effect->'request'->'tool'->'at_most_once' IS DISTINCT FROM 'true'::jsonb
    )
    UPDATE executions_branch b
    SET version = greatest(b.version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), wake_at = NULL,
        effect = jsonb_set(b.effect, '{{attempts}}', to_jsonb((b.effect->>'attempts')::int + 1)),
        lease_owner = %(owner)s, lease_until = {LEASE_END_SQL}
    FROM executions_execution e LEFT JOIN unhurried ON true
    WHERE b.id = %(branch)s AND e.id = b.execution_id AND e.status NOT IN ({TERMINAL_SQL})
      AND b.status = 'calling'
      AND (b.lease_until IS NULL OR b.lease_until < now())
      AND (b.wake_at IS NULL OR b.wake_at <= now())
    RETURNING {_CLAIM_COLUMNS}
"""


def claim_branch(branch_id: UUID, owner: str) -> Claim | None:
    """Take a branch that can go on. None: someone else holds it, or there is nothing to do."""
    row = fetch_row(_CLAIM_ADVANCE, {"branch": branch_id, **_held_by(owner)})
    if row is None:
        return None
    *columns, is_timer, due_s = row
    claim = _claim_of_row(BranchStatus.RUNNING, columns)
    if claim.attempt == 1:
        (TIMER_LATENESS if is_timer else BRANCH_WAIT).observe(max(due_s, 0.0))
    return claim


def claim_effect(branch_id: UUID, owner: str) -> Claim | None:
    """Take the effect a branch waits for; its attempt is counted before it runs."""
    row = fetch_row(_CLAIM_EFFECT, {"branch": branch_id, **_held_by(owner)})
    return None if row is None else _claim_of_row(BranchStatus.CALLING, row)


def _held_by(owner: str) -> dict[str, Any]:
    return {"owner": owner, "lease": settings.LEASE_SECONDS, "share": settings.TENANT_SHARE}


def _claim_of_row(held: BranchStatus, row: Sequence[Any]) -> Claim:
    """The columns stand in the order of the claim's fields; the last seven are those of its run."""
    *columns, version_id, developer_id, key_id, traceparent, has_overrides, called_by, counts_for = map(loaded, row)
    run = Run(
        execution_id=columns[1],
        developer_id=developer_id,
        version_id=version_id,
        key_id=key_id,
        traceparent=traceparent,
        has_overrides=has_overrides,
        called_by=called_by,
        counts_for=tuple(counts_for or ()),
    )
    fields: list[Any] = [held, *columns, run]
    return Claim(*fields)


def loaded(value: Any) -> Any:
    """The value of a `jsonb` column."""
    return json.loads(value) if isinstance(value, str) else value


HOLDS_PLACE_SQL = ", ".join(f"'{status.value}'" for status in sorted(HOLDS_PLACE))

# Places of a parent that its children take up. Counted apart, so that neither looks at the children that have ended.
_TAKEN_PLACES_SQL = f"""
    (SELECT count(*) FROM executions_branch a WHERE a.parent_id = {{parent}} AND a.status IN ({HOLDS_PLACE_SQL}))
    + (SELECT count(*) FROM executions_branch a
       WHERE a.parent_id = {{parent}} AND a.status = 'joining' AND EXISTS (
           WITH RECURSIVE below AS (
               SELECT d.id, d.status FROM executions_branch d
               WHERE d.parent_id = a.id AND d.status IN ('pending', 'joining', {HOLDS_PLACE_SQL})
               UNION ALL
               SELECT d.id, d.status FROM below JOIN executions_branch d ON d.parent_id = below.id
               WHERE below.status = 'joining' AND d.status IN ('pending', 'joining', {HOLDS_PLACE_SQL})
           ) SELECT FROM below WHERE status <> 'joining'))
"""

# How many children of the row `b` may start now: places that are free, as far as there are children for them.
FREE_PLACES_SQL = f"""
    least(b.parallelism - ({_TAKEN_PLACES_SQL.format(parent="b.id")}),
          (SELECT count(*) FROM (SELECT FROM executions_branch c
                                 WHERE c.parent_id = b.id AND c.status = 'pending' LIMIT b.parallelism) AS next))
"""

# The second statement sees what the last holder of the parent's lock has committed; one alone would count too early.
_LOCK_PLACES = """
    SELECT parallelism, set_config('synchronous_commit', 'off', true)
    FROM executions_branch WHERE id = %(parent)s AND status = 'joining' FOR UPDATE
"""

_TAKE_CHILD = f"""
    UPDATE executions_branch b
    SET status = 'running', version = b.version + 1, attempt = b.attempt + 1, rung_at = now(),
        lease_owner = %(owner)s, lease_until = {LEASE_END_SQL},
        updated_at = date_trunc('milliseconds', clock_timestamp())
    FROM executions_execution e
    WHERE b.id = (
        SELECT id FROM executions_branch WHERE parent_id = %(parent)s AND status = 'pending'
          AND %(places)s > {_TAKEN_PLACES_SQL.format(parent="%(parent)s")}
        ORDER BY index LIMIT 1 FOR UPDATE SKIP LOCKED)
      AND e.id = b.execution_id AND e.status NOT IN ({TERMINAL_SQL})
    RETURNING {_CLAIM_COLUMNS}
"""


def take_child(parent_id: UUID, owner: str) -> Claim | None:
    """Claim the next pending child if `parallelism` leaves room. None: no room or no child left.

    The parent's row lock makes counting and taking one step. As with any claim, one that a crash of the database
    server forgets is made again.
    """
    with transaction.atomic():
        parent = fetch_row(_LOCK_PLACES, {"parent": parent_id})
        if parent is None:
            return None
        row = fetch_row(_TAKE_CHILD, {"parent": parent_id, "places": parent[0], **_held_by(owner)})
    return None if row is None else _claim_of_row(BranchStatus.RUNNING, row)


_FREE_ABOVE = f"""
    WITH RECURSIVE above AS (
        SELECT p.id, p.parent_id FROM executions_branch p WHERE p.id = %(parent)s
        UNION ALL
        SELECT p.id, p.parent_id FROM above JOIN executions_branch p ON p.id = above.parent_id
    )
    SELECT b.id, {_TAKEN_PLACES_SQL.format(parent="b.id")} FROM above JOIN executions_branch b ON b.id = above.id
    WHERE b.status = 'joining' AND b.id IS DISTINCT FROM %(lane)s AND {FREE_PLACES_SQL} > 0
"""


def free_above(parent_id: UUID, *, lane: UUID | None) -> list[tuple[UUID, int]]:
    """The parent and the branches above it that may start another child, but for the one whose `lane` asks, and how
    many of the places of each are taken."""
    return [(branch_id, taken) for branch_id, taken in fetch_rows(_FREE_ABOVE, {"parent": parent_id, "lane": lane})]


def claim_held(parent_id: UUID, owner: str) -> Claim | None:
    """Claim the child whose slice an earlier delivery of the same message ran when its worker was lost.

    A call is not taken over like this: whether it is still under way is for its lease to tell.
    """
    held = Branch.objects.filter(parent_id=parent_id, lease_owner=owner, status=BranchStatus.RUNNING)
    child_id = held.values_list("pk", flat=True).first()
    return None if child_id is None else claim_branch(child_id, owner)
