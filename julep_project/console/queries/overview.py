"""How the last hour went, beside the one before."""

from datetime import datetime, timedelta
from typing import Any

from executions.engine.outage import held_up_branches
from executions.operating.pausing import list_pauses
from julep_project.console.queries.rows import Row, rows
from julep_project.console.queries.times import first_id
from julep_project.console.queries.triggers.hooks import hooks_in_trouble
from julep_project.console.queries.triggers.webhooks import webhooks_in_trouble

HOUR = timedelta(hours=1)
# A row that can go on is taken within a few sweeps.
_PATIENCE_S = 25.0
# Runs, calls and rows are counted no further.
_MOST = 50_000

_RUNS = f"""
    SELECT e.created_at >= %(hour)s AS is_now, count(*) AS started,
           count(*) FILTER (WHERE e.status = 'succeeded') AS succeeded,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM e.ended_at - e.created_at)) AS p95
    FROM (SELECT created_at, status, ended_at FROM executions_execution
          WHERE created_at >= %(before)s ORDER BY created_at DESC LIMIT {_MOST}) AS e
    GROUP BY 1
"""
_FAILED = """
    SELECT ended_at >= %(hour)s AS is_now, count(*) AS failed FROM executions_execution
    WHERE status = 'failed' AND ended_at >= %(before)s GROUP BY 1
"""
_CALLS = f"""
    SELECT u.created_at >= %(hour)s AS is_now, count(*) AS calls, sum(u.cost) AS cost
    FROM (SELECT created_at, cost FROM agents_modelusage WHERE id >= %(first)s ORDER BY id DESC LIMIT {_MOST}) AS u
    GROUP BY 1
"""


def numbers(now: datetime) -> list[Row]:
    """What is counted, of this hour and the one before it."""
    span = {"hour": now - HOUR, "before": now - 2 * HOUR, "first": first_id(now - 2 * HOUR)}
    found: dict[bool, Row] = {True: {}, False: {}}
    for statement in (_RUNS, _FAILED, _CALLS):
        for row in rows(statement, span):
            found[row.pop("is_now")].update(row)
    return [
        {"name": name, "unit": unit, "now": found[True].get(key), "before": found[False].get(key)}
        for name, key, unit in _SHOWN
    ]


_SHOWN = (
    ("Runs begun", "started", "count"),
    ("Of these succeeded", "succeeded", "count"),
    ("Runs failed", "failed", "count"),
    ("95 of 100 took at most", "p95", "seconds"),
    ("Calls of models", "calls", "count"),
    ("They cost", "cost", "money"),
)


def troubles() -> list[Row]:
    """What is wrong, as far as the rows tell, in sentences: the worse first."""
    told: list[Row] = []
    for one in list_pauses():
        told.append({"tone": "warn", "kind": "paused", "scope": one.scope, "key": one.key, "reason": one.reason})
    for row in rows(_OLDEST, [_PATIENCE_S]):
        told.append({"tone": "bad", "kind": "oldest", "branch": row["id"], "seconds": row["seconds"]})
    for by, number, error, since_s in held_up_branches():
        told.append({"tone": "warn", "kind": "held", "by": by, "number": number, "error": error, "seconds": since_s})
    told += _of_triggers()
    unclear = rows(_UNCLEAR)[0]["number"]
    if unclear:
        told.append({"tone": "bad", "kind": "unclear", "number": unclear})
    return told


def _of_triggers() -> list[Row]:
    """What does not arrive, and what is called in vain."""
    webhooks = webhooks_in_trouble()
    told: list[Row] = [
        {"tone": "warn", "kind": "webhooks", "state": state, "number": webhooks[state]}
        for state in ("failing", "disabled", "full")
        if webhooks[state]
    ]
    return [*told, *({"tone": "warn", "kind": "hook", **hook} for hook in hooks_in_trouble())]


# Of those that nobody holds, and that nothing holds up.
_OLDEST = """
    SELECT id, extract(epoch FROM now() - since)::float AS seconds FROM (
        (SELECT id, updated_at AS since FROM executions_branch WHERE status = 'ready' ORDER BY updated_at LIMIT 1)
        UNION ALL
        (SELECT id, lease_until FROM executions_branch
         WHERE status IN ('running', 'calling') AND lease_until < now() AND held_up IS NULL
         ORDER BY lease_until LIMIT 1)
    ) AS waiting WHERE since < now() - make_interval(secs => %s) ORDER BY since LIMIT 1
"""
_UNCLEAR = """
    SELECT count(*) AS number FROM (
        SELECT FROM executions_branch
        WHERE status = 'awaiting_input' AND effect IS NOT NULL AND effect->'waits_for' IS NULL LIMIT 1000) AS found
"""


def counts() -> dict[str, Any]:
    """Open waits and rows that wait for a worker, counted no further than ten thousand."""
    return rows(
        """
        SELECT (SELECT count(*) FROM (SELECT FROM executions_branch WHERE status = 'awaiting_input' LIMIT 10000) AS w)
                   AS waits,
               (SELECT count(*) FROM (SELECT FROM executions_branch WHERE status = 'ready' LIMIT 10000) AS r) AS ready
        """
    )[0]
