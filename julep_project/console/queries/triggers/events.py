"""Events of all developers: what recorded each, and which runs took it."""

from collections.abc import Mapping
from uuid import UUID

from executions.models import EVENT
from julep_project.console.queries.owners import DEVELOPERS, naming
from julep_project.console.queries.places import label_of_row
from julep_project.console.queries.rows import Row, rows

# Filters are looked for in so many of the newest events.
LOOKED_AT = 20_000
FILTERS = ("name", "key", "state", "source")
_WAITING = 20
_WAITS_LOOKED_AT = 1000

_EVENTS = """
    SELECT ev.id, ev.name, ev.key, ev.source, ev.source_id, ev.state, ev.created_at, ev.kept_until, ev.developer_id,
           d.email AS developer
    FROM ({looked_at}) AS ev
    JOIN agents_developer d ON d.id = ev.developer_id
    WHERE {sifted} ORDER BY ev.id DESC LIMIT %(limit)s
"""
_OF_ALL = "SELECT * FROM events_event ev WHERE {narrowed} ORDER BY ev.id DESC LIMIT %(looked_at)s"
_OF_A_DEVELOPER = f"""
    SELECT found.* FROM ({DEVELOPERS}) AS owner CROSS JOIN LATERAL (
        SELECT * FROM events_event ev WHERE ev.developer_id = owner.id AND {{narrowed}}
        ORDER BY ev.created_at DESC, ev.id DESC LIMIT %(looked_at)s) AS found
"""
# Where the index is by the time: ids tell it too, by the clock of another machine.
_BEHIND = """ev.id < %(after)s AND ev.created_at < to_timestamp(%(after_s)s) + interval '1 hour'"""


def list_events(wanted: Mapping[str, str], *, after: UUID | None, limit: int) -> list[Row]:
    """Events that are kept, the newest first, from behind an id on: their ids are in the order of time. Of a developer,
    by id or e-mail, filters are looked for in the newest of its own, and a name in all of them."""
    given, narrowed = [name for name in FILTERS if wanted[name]], ["true"]
    if after is not None:
        narrowed.append(_BEHIND)
    if wanted["developer"] and wanted["name"]:
        given.remove("name")
        narrowed.append("ev.name = %(name)s")
    looked_at = _OF_A_DEVELOPER if wanted["developer"] else _OF_ALL
    statement = _EVENTS.format(
        looked_at=looked_at.format(narrowed=" AND ".join(narrowed)),
        sifted=" AND ".join(f"ev.{name} = %({name})s" for name in given) or "true",
    )
    after_s = None if after is None else (after.int >> 80) / 1000
    values = {**wanted, **naming(wanted["developer"]), "after": after, "after_s": after_s}
    return rows(statement, {**values, "limit": limit, "looked_at": LOOKED_AT if given else limit})


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
    FROM (SELECT * FROM executions_eventwait
          WHERE developer_id = %(developer)s AND name = %(name)s LIMIT %(looked_at)s) AS w
    JOIN executions_execution e ON e.id = w.execution_id JOIN tasks_task k ON k.id = e.task_id
    ORDER BY w.id LIMIT %(most)s
"""


def waiting_for(event: Row) -> list[Row]:
    """Some of the waits that stand at an event of this name now: of those that are looked at, the first that began."""
    named = {"developer": event["developer_id"], "name": event["name"]}
    return rows(_WAITS, {**named, "most": _WAITING, "looked_at": _WAITS_LOOKED_AT})
