"""Which waits an event ends, and which event ends a wait: the same question from both sides.

Each statement names the developer or the run itself: what it asks of JSON could not be looked up by an index where the
policies of tables have to be asked first.
"""

from collections.abc import Sequence
from uuid import UUID

from executions.engine.rows.event_probes import probes_of
from executions.events.models import Event
from executions.events.taken import Place, first_untaken, lines_of
from executions.models import EVENT, EventWait
from julep_project.core.database import fetch
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.tenancy import system_scope

_CANDIDATES = 20

# Materialized: by the order of ids, the planner might look through all waits there are.
_WAITS = """
    WITH found AS MATERIALIZED (
        SELECT w.id, w.branch_id, w.execution_id, w.state = 'new' AS is_new FROM executions_eventwait w
        WHERE w.developer_id = %(developer)s AND w.name = %(name)s AND w.probe = ANY (%(probes)s)
          AND (w.key IS NULL OR w.key = %(key)s) AND w.since <= %(at)s AND %(data)s::jsonb @> w.match
          AND (%(after)s::uuid IS NULL OR w.id > %(after)s)
    )
    SELECT id, branch_id, execution_id, is_new FROM found ORDER BY id LIMIT %(most)s
"""
# What the own line has taken is left out here, which is all there is where nothing runs side by side.
_EVENTS = f"""
    WITH found AS {{materialized}} (
        SELECT ev.id, ev.created_at FROM events_event ev
        WHERE ev.developer_id = %(developer)s AND ev.name = %(name)s AND ev.created_at >= %(since)s
          AND ev.kept_until > now() {{condition}}
          AND NOT EXISTS (
              SELECT FROM executions_transition t
              WHERE t.execution_id = %(run)s AND t.type = 'resume' AND t.metadata ? '{EVENT}'
                AND t.metadata->>'{EVENT}' = ev.id::text AND t.branch_id = ANY (%(line)s))
    )
    SELECT id FROM found ORDER BY created_at, id LIMIT %(most)s OFFSET %(offset)s
"""
_IS_CONTESTED = """
    SELECT EXISTS (SELECT FROM events_event ev
                   WHERE ev.developer_id = %(developer)s AND ev.name = %(name)s AND ev.state = 'pending'
                     AND (ev.created_at, ev.id) < (%(at)s, %(id)s))
"""


@system_scope()
def waits_for(event: Event, *, after: UUID | None, most: int) -> list[tuple[Place, bool]]:
    """Open waits that the event ends, those that began first, and whether they have not looked for older ones yet."""
    values = {
        "developer": event.developer_id,
        "name": event.name,
        "probes": probes_of(event.data),
        "key": event.key,
        "at": event.created_at,
        "data": to_json_text(event.data),
        "after": after,
        "most": most,
    }
    return [(Place(*row), is_new) for *row, is_new in fetch(_WAITS, values)]


@system_scope()
def is_contested(event: Event) -> bool:
    """Whether an older event of the same name is still to be handed out: then each wait has to choose."""
    values = {"developer": event.developer_id, "name": event.name, "at": event.created_at, "id": event.pk}
    [(found,)] = fetch(_IS_CONTESTED, values)
    return bool(found)


@system_scope()
def oldest_for(wait: EventWait) -> Event | None:
    """The oldest kept event that ends the wait."""
    place = Place(wait.pk, wait.branch_id, wait.execution_id)
    line = [id_ for id_, _ in lines_of([wait.branch_id]).get(wait.branch_id, ())]
    offset = 0
    while found := _page(wait, line, offset):
        event_id = first_untaken(place, found)
        if event_id is not None:
            event: Event | None = Event.objects.filter(pk=event_id).first()
            return event
        offset += len(found)
    return None


def _page(wait: EventWait, line: Sequence[UUID], offset: int) -> list[UUID]:
    condition = "AND ev.key = %(key)s" if wait.key is not None else ""
    condition += " AND ev.data @> %(match)s::jsonb" if wait.match else ""
    # Without a condition they are read in their order, and no more than are asked for.
    statement = _EVENTS.format(materialized="MATERIALIZED" if condition else "NOT MATERIALIZED", condition=condition)
    values = {
        "developer": wait.developer_id,
        "name": wait.name,
        "since": wait.since,
        "key": wait.key,
        "match": to_json_text(wait.match),
        "run": wait.execution_id,
        "line": line,
        "most": _CANDIDATES,
        "offset": offset,
    }
    return [event_id for (event_id,) in fetch(statement, values)]
