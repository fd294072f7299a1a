"""Open waits of all runs, the oldest first."""

from datetime import datetime
from typing import Any

from julep_project.console.keyset import Place
from julep_project.console.queries.places import PLACE, label_at, label_of_row
from julep_project.console.queries.rows import Row, rows
from tasks.steps.quorum import told

KINDS = ("input", "approval", "attention", "budget", "event", "connection", "elicitation")

# Of a row `t` of the log that is a wait: its quorum as the newest answer left it. By the number of answers, not by that
# of the row: else Postgres might walk back through a long log, where an index leads to the few answers.
QUORUM = """
    CASE WHEN t.metadata ? 'quorum' THEN coalesce((
        SELECT r.metadata->'quorum' FROM executions_transition r
        WHERE r.execution_id = t.execution_id AND r.type = 'resume' AND r.metadata ? 'person'
          AND r.metadata->>'wait' = t.id::text
        ORDER BY (r.metadata->'quorum'->>'answered')::int DESC LIMIT 1), t.metadata->'quorum') END
"""

# What it asks is left where it lies when it is too large to be looked through in a list.
_WAITS = f"""
    SELECT b.id, b.execution_id, b.wait_id, b.updated_at,
           coalesce(b.wake_at, (b.effect->'waits_for'->>'expires_at')::timestamptz) AS wake_at,
           {PLACE}, b.effect->>'key' AS key,
           b.effect->'request'->'tool'->>'name' AS tool,
           coalesce(b.effect->'waits_for'->>'action', b.effect->'waits_for'->>'type') AS waits_for,
           b.effect->'waits_for'->'held' AS held, b.effect->'request'->'tool'->>'approval' AS approval,
           b.effect IS NOT NULL AS is_call, w.id IS NOT NULL AS is_event,
           e.task_version_id, e.created_at AS started_at, e.task_id, e.developer_id,
           t.step_label, t.current, t.created_at AS since, {QUORUM} AS quorum,
           CASE WHEN pg_column_size(t.output) < 65536 THEN t.output END AS asks
    FROM executions_branch b
    JOIN executions_execution e ON e.id = b.execution_id
    LEFT JOIN executions_transition t ON t.id = b.wait_id
    LEFT JOIN executions_eventwait w ON w.id = b.wait_id
    WHERE b.status = 'awaiting_input' AND {{narrowed}}
    ORDER BY b.updated_at, b.id LIMIT %(limit)s
"""
_OF_KIND = {
    "input": "b.effect IS NULL AND w.id IS NULL",
    "attention": "b.effect IS NOT NULL AND b.effect->'waits_for' IS NULL",
    "approval": "b.effect->'waits_for'->>'type' = 'approval'",
    "budget": "b.effect->'waits_for'->>'type' = 'budget'",
    "event": "w.id IS NOT NULL",
    "connection": "b.effect->'waits_for'->>'action' = 'connection'",
    "elicitation": "b.effect->'waits_for'->>'action' = 'elicitation'",
}
# What no person is asked for is told of only to who asks for it.
_FOR_PEOPLE = "w.id IS NULL"


def find_wait(wait_id: Any) -> Row | None:
    """One that is still open."""
    found = list_waits(kind="", after=None, limit=1, wait=wait_id)
    return found[0] if found else None


def list_waits(
    *, kind: str, after: Place | None, limit: int, run: Any = None, wait: Any = None, agent: Any = None
) -> list[Row]:
    """Waits of a kind, or all for people; from behind a place on; of the tasks of an agent. Of a run all."""
    narrowed: list[str] = ["true"]
    parameters: dict[str, Any] = {"limit": limit}
    if kind:
        narrowed.append(_OF_KIND[kind])
    elif run is None and wait is None:
        narrowed.append(_FOR_PEOPLE)
    if after is not None:
        narrowed.append("(b.updated_at, b.id) > (%(at)s, %(id)s)")
        parameters |= {"at": after.at, "id": after.id}
    if agent is not None:
        narrowed.append("e.task_id IN (SELECT id FROM tasks_task WHERE agent_id = %(agent)s)")
        parameters["agent"] = agent
    if run is not None:
        narrowed.append("b.execution_id = %(run)s")
        parameters["run"] = run
    if wait is not None:
        narrowed.append("b.wait_id = %(wait)s")
        parameters["wait"] = wait
    found = rows(_WAITS.format(narrowed=" AND ".join(narrowed)), parameters)
    names = _tasks([row["task_id"] for row in found])
    return [_described(row, names) for row in found]


def _tasks(ids: list[Any]) -> dict[Any, str]:
    return {row["id"]: row["name"] for row in rows("SELECT id, name FROM tasks_task WHERE id = ANY(%s)", [ids])}


def _described(row: Row, names: dict[Any, str]) -> Row:
    label = label_at(row["task_version_id"], row["path"], row["pc"], row["display"])
    kind = row["waits_for"] or ("attention" if row["is_call"] else "event" if row["is_event"] else "input")
    since: datetime = row["since"] or row["updated_at"]
    return {
        **row,
        "task": names.get(row["task_id"], ""),
        "label": label or label_of_row(row["step_label"], row["current"]),
        "kind": kind,
        "since": since,
        "progress": told(row["quorum"]) if row["quorum"] else "",
        # An argument may have the name of a method, by which a template would have found it.
        "held": list((row["held"] or {}).items()),
    }


def count_waits() -> int:
    """How many there are, counted no further than a thousand."""
    counted = (
        "SELECT count(*) AS number FROM (SELECT FROM executions_branch b "
        "LEFT JOIN executions_eventwait w ON w.id = b.wait_id "
        f"WHERE b.status = 'awaiting_input' AND {_FOR_PEOPLE} LIMIT 1000) AS counted"
    )
    number: int = rows(counted)[0]["number"]
    return number
