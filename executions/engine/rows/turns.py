"""Whose runs begin next. Of each developer the oldest runs that wait for their first step have messages on their way,
as many as its share; further ones are held back, and each that begins lets the next one follow.

So however many runs one developer starts, the others' wait behind a few of them, and those of several take turns. Runs
of tasks that are paused are passed over.
"""

from uuid import UUID

from django.conf import settings

from julep_project.core.database import fetch
from julep_project.core.pauses.standing import paused_tasks
from julep_project.core.rates.models import TenantRates

# How many runs are a developer's share.
SHARE = (
    f"(%(share)s::int * coalesce((SELECT weight FROM {TenantRates._meta.db_table} "
    "WHERE developer_id = {developer}), 1))"
)

# Whether a claimed run may be followed by one that was held back.
HAS_FOLLOWERS = """
    CASE WHEN e.status = 'queued' THEN EXISTS (
        SELECT 1 FROM executions_execution q WHERE q.developer_id = e.developer_id AND q.status = 'queued'
        OFFSET %(share)s::int - 1)
    ELSE false END
"""

_OLDEST = f"""
    SELECT q.id, row_number() OVER (ORDER BY q.created_at, q.id) AS turn FROM executions_execution q
    WHERE q.developer_id = {{developer}} AND q.status = 'queued' AND q.task_id <> ALL (%(paused)s::uuid[])
    ORDER BY q.created_at, q.id LIMIT {SHARE}
"""

# Rows are named by arrays, which are always looked up; joined, all that are held back might be read, as they are while
# the planner does not know yet that there are many.
_LET_FOLLOW = """
    WITH asked AS MATERIALIZED (
        SELECT coalesce(array_agg(run.id ORDER BY run.turn), '{{}}') AS ids FROM ({oldest}) AS run
    )
    UPDATE executions_branch b SET status = 'ready', rung_at = now() WHERE b.id = ANY (ARRAY(
        SELECT h.id FROM executions_branch h
        WHERE h.execution_id = ANY ((SELECT ids FROM asked)::uuid[]) AND h.parent_id IS NULL AND h.status = 'pending'
        ORDER BY array_position((SELECT ids FROM asked), h.execution_id)
        LIMIT %(room)s FOR UPDATE SKIP LOCKED))
      AND b.status = 'pending'
    RETURNING b.id
"""

# Developers are found by leaps through their index: one may have nearly all the runs.
_OF_ALL = f"""
    WITH RECURSIVE tenant AS (
        (SELECT developer_id AS id FROM executions_execution WHERE status = 'queued' ORDER BY developer_id LIMIT 1)
        UNION ALL
        SELECT (SELECT q.developer_id FROM executions_execution q
                WHERE q.status = 'queued' AND q.developer_id > tenant.id ORDER BY q.developer_id LIMIT 1)
        FROM tenant WHERE tenant.id IS NOT NULL
    )
    SELECT oldest.id, oldest.turn FROM tenant CROSS JOIN LATERAL ({_OLDEST.format(developer="tenant.id")}) AS oldest
    WHERE tenant.id IS NOT NULL
"""
_FOLLOW_ALL = _LET_FOLLOW.format(oldest=_OF_ALL)
_FOLLOW_ONE = _LET_FOLLOW.format(oldest=_OLDEST.format(developer="%(developer)s"))

HELD_BACK_EXIST = "EXISTS (SELECT FROM executions_branch b WHERE b.status = 'pending' AND b.parent_id IS NULL)"

# More than one run that began lets follow.
_AT_ONCE = 4


def followers(developer_id: UUID) -> list[UUID]:
    """Main branches of runs whose turn it is now, because one of the developer's has begun. To be rung for."""
    return _ids(_FOLLOW_ONE, room=_AT_ONCE, developer=developer_id)


def followers_of_all(room: int) -> list[UUID]:
    """Those of every developer, whoever should have let them follow; the developers in turns."""
    return _ids(_FOLLOW_ALL, room=room)


def _ids(statement: str, **values: object) -> list[UUID]:
    given = {"share": settings.TENANT_SHARE, "paused": paused_tasks(), **values}
    return [branch_id for (branch_id,) in fetch(statement, given)]
