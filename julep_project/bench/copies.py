"""Runs copied by SQL: with their branch and their log, as they are, at other times; and logs that are made longer."""

from datetime import datetime
from uuid import UUID

from julep_project.core.database import execute

# Ids in the order of time, as those of the product, so that indexes grow where they do there.
_ID = """
    (lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0') || '7' || left(md5(random()::text), 3)
     || '8' || left(md5(random()::text), 15))::uuid
"""
_COPY = """
    WITH run AS (
        INSERT INTO executions_execution (
            id, developer_id, task_id, task_version_id, status, input, output, error, error_type, error_step,
            error_hash, state, metadata, transition_count, runnable, open_waits, depth, created_at, updated_at,
            ended_at)
        SELECT {run_id}, developer_id, task_id, task_version_id, status, input, output, error, error_type, error_step,
               error_hash, state, metadata, transition_count, runnable, open_waits, depth, moment, moment,
               CASE WHEN ended_at IS NOT NULL THEN moment END
        FROM executions_execution,
             LATERAL (SELECT %(day)s::timestamptz + make_interval(secs => (n - 0.5) * 86400 / %(count)s) AS moment
                      FROM generate_series(1, %(count)s) AS n) AS times
        WHERE id = %(like)s
        RETURNING id, created_at
    ), branch AS (
        INSERT INTO executions_branch (id, execution_id, index, status, stack, version, attempt, pending_children,
                                       output, created_at, updated_at)
        SELECT {branch_id}, run.id, b.index, b.status, b.stack, b.version, b.attempt,
               b.pending_children, b.output, run.created_at, run.created_at
        FROM run, executions_branch b WHERE b.execution_id = %(like)s
        RETURNING id, execution_id, created_at
    )
    INSERT INTO executions_transition (id, execution_id, branch_id, seq, type, current, next, step_label, output,
                                       metadata, created_at, scope, position, loop)
    SELECT {row_id}, branch.execution_id, branch.id, t.seq, t.type, t.current, t.next,
           t.step_label, t.output, t.metadata, branch.created_at, t.scope, t.position, t.loop
    FROM branch, executions_transition t WHERE t.execution_id = %(like)s
"""
_IDS = {
    "run_id": _ID.format(moment="moment"),
    "branch_id": _ID.format(moment="run.created_at"),
    "row_id": _ID.format(moment="branch.created_at"),
}


def copy_runs(like: UUID, begin: datetime, count: int) -> None:
    """So many runs like this one, spread over the day that begins then."""
    execute(_COPY.format(**_IDS), {"like": like, "day": begin, "count": count})


_WAITS = """
    UPDATE executions_branch b SET wait_id = t.id
    FROM executions_transition t, executions_execution e
    WHERE e.task_id = %(task)s AND e.status = 'awaiting_input' AND b.execution_id = e.id AND t.branch_id = b.id
      AND t.type = 'wait' AND b.wait_id IS NULL
"""
_LENGTHEN = """
    WITH more AS (
        INSERT INTO executions_transition (id, execution_id, branch_id, seq, type, current, next, step_label, output,
                                           metadata, created_at, scope)
        SELECT {row_id}, t.execution_id, t.branch_id, newest.seq + n, 'step', t.current, t.next, 'step ' || n,
               t.output, t.metadata, t.created_at + make_interval(secs => n / 1000.0), t.scope
        FROM executions_transition t, generate_series(1, %(more)s) AS n,
             (SELECT max(seq) AS seq FROM executions_transition WHERE execution_id = %(run)s) AS newest
        WHERE t.execution_id = %(run)s AND t.seq = 1
        RETURNING seq
    )
    UPDATE executions_execution SET transition_count = (SELECT max(seq) FROM more) WHERE id = %(run)s
"""


def let_wait(task: UUID) -> None:
    """Copies of runs of the task that wait for an answer wait at their own rows."""
    execute(_WAITS, {"task": task})


def lengthen(run: UUID, more: int) -> None:
    """Write so many more steps into the log of a run that waits for an answer."""
    execute(_LENGTHEN.format(row_id=_ID.format(moment="t.created_at")), {"run": run, "more": more})
