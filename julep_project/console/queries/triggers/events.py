"""Events of all developers: what recorded each, and which runs took it."""

from collections.abc import Mapping
from uuid import UUID

from executions.models import EVENT
from julep_project.console.queries.places import label_of_row
from julep_project.console.queries.rows import Row, rows

# Filters are looked for in so many of the newest events.
LOOKED_AT = 20_000
FILTERS = ("name", "key", "state", "source")
_WAITING = 20

_EVENTS = """
    SELECT ev.id, ev.name, ev.key, ev.source, ev.source_id, ev.state, ev.created_at, ev.kept_until, ev.developer_id,
           d.email AS developer
    FROM (SELECT * FROM events_event ev WHERE {behind} ORDER BY ev.id DESC LIMIT %(looked_at)s) AS ev
    JOIN agents_developer d ON d.id = ev.developer_id
    WHERE {sifted} ORDER BY ev.id DESC LIMIT %(limit)s
"""


def list_events(wanted: Mapping[str, str], *, after: UUID | None, limit: int) -> list[Row]:
    """Events that are kept, the newest first, from behind an id on: their ids are in the order of time."""
    given = [name for name in FILTERS if wanted[name]]
    statement = _EVENTS.format(
        behind="ev.id < %(after)s" if after else "true",
        sifted=" AND ".join(f"ev.{name} = %({name})s" for name in given) or "true",
    )
    return rows(statement, {**wanted, "after": after, "limit": limit, "looked_at": LOOKED_AT if given else limit})


_EVENT = """
    SELECT ev.id, ev.name, ev.key, ev.data, ev.source, ev.source_id, ev.state, ev.created_at, ev.kept_until,
           ev.developer_id, d.email AS developer
    FROM events_event ev JOIN agents_developer d ON d.id = ev.developer_id WHERE ev.id = %s
"""


def get_event(event_id: UUID) -> Row | None:
    """One of them."""
    found = rows(_EVENT, [event_id])
    return found[0] if found else None


_TAKERS = f"""
    SELECT t.id, t.execution_id, t.seq, t.created_at, t.step_label, t.current, e.status, k.name AS task
    FROM executions_transition t
    JOIN executions_execution e ON e.id = t.execution_id JOIN tasks_task k ON k.id = e.task_id
    WHERE t.type = 'resume' AND t.metadata ? '{EVENT}' AND t.metadata->>'{EVENT}' = %(event)s AND {{behind}}
    ORDER BY t.id DESC LIMIT %(limit)s
"""


def list_takers(event_id: UUID, *, after: UUID | None, limit: int) -> list[Row]:
    """Runs that went on with the event, those that did last first."""
    statement = _TAKERS.format(behind="t.id < %(after)s" if after else "true")
    found = rows(statement, {"event": str(event_id), "after": after, "limit": limit})
    return [{**row, "step": label_of_row(row["step_label"], row["current"])} for row in found]


_WAITS = """
    SELECT w.id, w.execution_id, w.match, w.key, w.since, w.created_at, w.state, k.name AS task
    FROM executions_eventwait w
    JOIN executions_execution e ON e.id = w.execution_id JOIN tasks_task k ON k.id = e.task_id
    WHERE w.developer_id = %(developer)s AND w.name = %(name)s ORDER BY w.id LIMIT %(most)s
"""


def waiting_for(event: Row) -> list[Row]:
    """Some of the waits that stand at an event of this name now, those that began first."""
    return rows(_WAITS, {"developer": event["developer_id"], "name": event["name"], "most": _WAITING})
