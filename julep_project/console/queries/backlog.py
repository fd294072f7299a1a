"""What waits for workers, as the rows say."""

from datetime import UTC, datetime, timedelta

from julep_project.console.queries.rows import Row, rows
from julep_project.console.queries.times import first_id

# Rows are counted no further.
MOST = 10_000

# Each has an index that holds such rows only. `since` tells since when the row waits.
_KINDS = (
    ("engine", "wait for a worker", "status = 'ready'", "updated_at"),
    ("engine", "at work on", "status = 'running' AND lease_until > now()", "lease_until"),
    ("engine", "lost their worker", "status = 'running' AND lease_until <= now() AND held_up IS NULL", "lease_until"),
    ("io", "wait for a worker", "status = 'calling' AND lease_until IS NULL AND wake_at IS NULL", "updated_at"),
    ("io", "at work on", "status = 'calling' AND lease_until > now()", "updated_at"),
    ("io", "lost their worker", "status = 'calling' AND lease_until <= now()", "lease_until"),
    (
        "io",
        "wait for their next attempt",
        "status = 'calling' AND lease_until IS NULL AND wake_at > now()",
        "updated_at",
    ),
    ("nobody", "sleep", "status = 'sleeping'", "updated_at"),
    ("nobody", "wait for an answer", "status = 'awaiting_input'", "updated_at"),
    ("nobody", "wait for their children", "status = 'joining'", "updated_at"),
    (
        "nobody",
        "have not begun, behind others of their developer",
        "status = 'pending' AND parent_id IS NULL",
        "created_at",
    ),
)


def backlog() -> list[Row]:
    """How many branches are of each kind, counted no further than `MOST`, and since when the first of them is."""
    parts = [
        f"SELECT {place} AS place, count(*) AS number, min(since) AS oldest "
        f"FROM (SELECT {since} AS since FROM executions_branch WHERE {condition} LIMIT {MOST}) AS found"
        for place, (_, _, condition, since) in enumerate(_KINDS)
    ]
    found = {row["place"]: row for row in rows(" UNION ALL ".join(parts))}
    return [
        {"queue": queue, "state": state, "number": found[place]["number"], "oldest": found[place]["oldest"]}
        for place, (queue, state, _, _) in enumerate(_KINDS)
    ]


def rows_written(seconds: int) -> int:
    """How many rows of logs were written in the last so many seconds: their ids tell their times."""
    begin = datetime.now(UTC) - timedelta(seconds=seconds)
    counted = "SELECT count(*) AS number FROM (SELECT FROM executions_transition WHERE id >= %s LIMIT 100000) AS t"
    number: int = rows(counted, [first_id(begin)])[0]["number"]
    return number
