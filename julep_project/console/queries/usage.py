"""What calls of models used and cost, over all developers: sums of days, and calls that are in no sum yet."""

from datetime import datetime, time
from typing import Any

from julep_project.console.queries.rows import Row, rows
from julep_project.console.queries.times import first_id

MOST = 200
GROUPS = {
    "model": "model",
    "task": "task_id",
    "agent": "agent_id",
    "developer": "developer_id",
    "day": "day",
}
_NAMES = {
    "task": "SELECT id, name FROM tasks_task WHERE id = ANY(%s)",
    "agent": "SELECT id, name FROM agents_agent WHERE id = ANY(%s)",
    "developer": "SELECT id, coalesce(nullif(email, ''), id::text) AS name FROM agents_developer WHERE id = ANY(%s)",
}
# Whose groups are told by ids.
OF_IDS = tuple(_NAMES)
_USED = """
    SELECT {column} AS key, sum(calls)::bigint AS calls, sum(prompt_tokens)::bigint AS prompt_tokens,
           sum(completion_tokens)::bigint AS completion_tokens, sum(cost) AS cost, sum(unpriced)::bigint AS unpriced
    FROM (
        SELECT d.day, d.model, d.task_id, d.agent_id, d.developer_id, d.calls, d.unpriced, d.prompt_tokens,
               d.completion_tokens, d.cost
        FROM spending_taskusageday d WHERE d.day >= %(day)s
        UNION ALL
        SELECT (u.created_at AT TIME ZONE 'UTC')::date, u.model, u.task_id, u.agent_id, u.developer_id, 1,
               (u.cost IS NULL)::int, u.prompt_tokens, u.completion_tokens, u.cost
        FROM agents_modelusage u
        WHERE u.id >= %(first)s AND NOT u.folded AND u.state <> 'reserved' AND u.created_at >= %(from)s
    ) AS used
    GROUP BY 1 ORDER BY {order} LIMIT {most}
"""


def usage(group: str, since: datetime) -> list[Row]:
    """What was used from the beginning of a day on (UTC), in groups, the dearest first."""
    begin = datetime.combine(since.date(), time(), since.tzinfo)
    order = "1 DESC" if group == "day" else "sum(cost) DESC NULLS LAST, sum(calls) DESC"
    statement = _USED.format(column=GROUPS[group], order=order, most=MOST)
    found = rows(statement, {"day": begin.date(), "from": begin, "first": first_id(begin)})
    names = _named(group, [row["key"] for row in found])
    total = sum(float(row["cost"] or 0) for row in found)
    return [
        {**row, "name": names.get(row["key"], row["key"]), "share": float(row["cost"] or 0) / total if total else None}
        for row in found
    ]


def _named(group: str, keys: list[Any]) -> dict[Any, str]:
    if group not in _NAMES:
        return {}
    return {row["id"]: row["name"] for row in rows(_NAMES[group], [[key for key in keys if key is not None]])}


# Of the newest calls of that time so many are looked at.
LOOKED_AT = 20_000
_SHOWN = 50
# Records of calls are found by their run, near the moment of the account.
_DEAREST = f"""
    SELECT u.*, c.id AS call_id FROM (
        SELECT * FROM (
            SELECT id, created_at, (created_at AT TIME ZONE 'UTC')::date AS day, model, task_id, agent_id, developer_id,
                   prompt_tokens, completion_tokens, cost, execution_id, session_id
            FROM agents_modelusage WHERE id >= %(first)s AND created_at >= %(from)s AND state <> 'reserved'
            ORDER BY id DESC LIMIT {LOOKED_AT}) AS newest
        WHERE {{column}}::text IS NOT DISTINCT FROM %(key)s
        ORDER BY cost DESC NULLS LAST, id DESC LIMIT {_SHOWN}
    ) AS u LEFT JOIN LATERAL (
        SELECT id FROM calls_call c WHERE c.execution_id = u.execution_id AND c.usage_id = u.id
          AND c.started_at BETWEEN u.created_at - interval '1 hour' AND u.created_at + interval '1 hour' LIMIT 1
    ) AS c ON true ORDER BY u.cost DESC NULLS LAST, u.id DESC
"""


def dearest_calls(group: str, key: str | None, since: datetime) -> list[Row]:
    """The dearest single calls of one group, with the run or the session they were for and the record of what was
    said, if that is kept."""
    begin = datetime.combine(since.date(), time(), since.tzinfo)
    parameters = {"first": first_id(begin), "from": begin, "key": key}
    return rows(_DEAREST.format(column=GROUPS[group]), parameters)
