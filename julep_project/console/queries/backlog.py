"""What waits for workers, as the rows say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from julep_project.console.queries.rows import Row, rows
from julep_project.console.queries.times import first_id

# Rows are counted no further.
MOST = 10_000

WAITS = "wait for a worker"
# Whoever hands a row back lets it wait under a lease of nobody.
_HELD = "lease_owner IS NULL AND held_up IS NOT NULL"

# Each has an index that holds such rows only. `since` tells since when the row waits.
_KINDS = (
    ("engine", WAITS, "status = 'ready'", "updated_at"),
    ("engine", "at work on", "status = 'running' AND lease_until > now() AND lease_owner IS NOT NULL", "lease_until"),
    ("engine", "held up", f"status = 'running' AND {_HELD}", "(held_up->>'since')::timestamptz"),
    ("engine", "lost their worker", "status = 'running' AND lease_until <= now() AND held_up IS NULL", "lease_until"),
    ("io", WAITS, "status = 'calling' AND lease_until IS NULL AND wake_at IS NULL", "updated_at"),
    ("io", "at work on", "status = 'calling' AND lease_until > now()", "updated_at"),
    ("io", "lost their worker", "status = 'calling' AND lease_until <= now()", "lease_until"),
    (
        "io",
        "wait for their next attempt",
        "status = 'calling' AND lease_until IS NULL AND wake_at > now() AND held_up IS NULL",
        "updated_at",
    ),
    ("io", "held up", f"status = 'calling' AND {_HELD}", "(held_up->>'since')::timestamptz"),
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


@dataclass(frozen=True, slots=True)
class Pace:
    """What was done of late, in a second: rows of logs, branches of which a worker of `engine` wrote some, and calls
    that a worker of `io` made."""

    rows: float
    engine: float
    io: float

    def seconds(self, queue: str, number: int) -> float | None:
        """How long so many rows of a queue take if no others come; None if nothing was done."""
        each = {"engine": self.engine, "io": self.io}.get(queue)
        return number / each if each else None


def pace() -> Pace:
    """As the newest rows of logs tell, whose ids tell their times."""
    moment = datetime.now(UTC)
    found = rows(_WRITTEN, [first_id(moment - timedelta(seconds=_PACE_S))])[0]
    seconds: float = _PACE_S
    if found["rows"] >= _PACE_ROWS:
        seconds = max((moment - found["oldest"]).total_seconds(), 1.0)
    return Pace(found["rows"] / seconds, found["branches"] / seconds, found["calls"] / seconds)


_PACE_S = 60
_PACE_ROWS = 20_000
_WRITTEN = f"""
    SELECT count(*) AS rows, count(DISTINCT branch_id) AS branches, min(created_at) AS oldest,
           coalesce(sum(jsonb_array_length(metadata->'t'->'calls')), 0)::int AS calls
    FROM (SELECT branch_id, created_at, metadata FROM executions_transition WHERE id >= %s
          ORDER BY id DESC LIMIT {_PACE_ROWS}) AS newest
"""


def backlog(at: Pace) -> list[Row]:
    """How many branches are of each kind, counted no further than `MOST`, since when the first of them is, and in how
    many seconds those that wait for a worker are taken at this pace, if nothing new comes."""
    parts = [
        f"SELECT {place} AS place, count(*) AS number, min(since) AS oldest "
        f"FROM (SELECT {since} AS since FROM executions_branch WHERE {condition} LIMIT {MOST}) AS found"
        for place, (_, _, condition, since) in enumerate(_KINDS)
    ]
    found = {row["place"]: row for row in rows(" UNION ALL ".join(parts))}
    return [
        {
            "queue": queue,
            "state": state,
            "number": (number := found[place]["number"]),
            "oldest": found[place]["oldest"],
            "drained_in": at.seconds(queue, number) if state == WAITS and number else None,
        }
        for place, (queue, state, _, _) in enumerate(_KINDS)
    ]


NONE_HELD: Row = {"held": 0, "held_run": None}
# By the index of such rows.
_BY_PAUSES = f"""
    SELECT held_up->>'pause' AS pause, count(*) AS held,
           (array_agg(execution_id ORDER BY held_up->>'since'))[1] AS held_run
    FROM (SELECT held_up, execution_id FROM executions_branch
          WHERE held_up ? 'pause' AND status IN ('running', 'calling') LIMIT {MOST}) AS b GROUP BY 1
"""


def held_by_pauses() -> dict[str, Row]:
    """How many branches each pause holds up, and the run of the first of them."""
    return {row.pop("pause"): row for row in rows(_BY_PAUSES)}
