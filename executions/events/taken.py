"""Which events a wait must not take, because its run has taken them before.

What runs side by side takes the same event: each arm and each item hears of it. What comes later takes another: a wait
does not take what was taken in its own line of branches, or below it, or in branches that had ended before it began.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from executions.models import EVENT
from julep_project.core.database import fetch
from julep_project.core.tenancy import system_scope

_TAKERS = f"""
    SELECT t.execution_id, t.metadata->>'{EVENT}', t.branch_id FROM executions_transition t
    WHERE t.execution_id = ANY (%(runs)s) AND t.type = 'resume' AND t.metadata ? '{EVENT}'
      AND t.metadata->>'{EVENT}' = ANY (%(events)s)
"""
_LINES = """
    WITH RECURSIVE line AS (
        SELECT b.id AS branch, b.id, b.parent_id, b.fork, 0 AS level
        FROM executions_branch b WHERE b.id = ANY (%(branches)s)
        UNION ALL
        SELECT line.branch, b.id, b.parent_id, b.fork, line.level + 1
        FROM line JOIN executions_branch b ON b.id = line.parent_id
    )
    SELECT branch, id, fork FROM line ORDER BY branch, level
"""

# A branch with those above it, each with the fork that made it.
Line = list[tuple[UUID, UUID | None]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a wait stands."""

    wait_id: UUID
    branch_id: UUID
    execution_id: UUID


@system_scope()
def untaken(places: Sequence[Place], event_id: UUID) -> list[Place]:
    """Those of the waits that may take the event."""
    takers = _takers({place.execution_id for place in places}, [event_id])
    if not takers:
        return list(places)
    named = {branch for found in takers.values() for branch in found}
    lines = lines_of({*named, *(place.branch_id for place in places)})
    return [
        place
        for place in places
        if not _is_taken(lines, place.branch_id, takers.get((place.execution_id, str(event_id)), ()))
    ]


def first_untaken(place: Place, event_ids: Sequence[UUID]) -> UUID | None:
    """The first of the events that the wait may take."""
    takers = _takers({place.execution_id}, event_ids)
    named = {branch for found in takers.values() for branch in found}
    lines = lines_of({*named, place.branch_id}) if takers else {}
    for event_id in event_ids:
        if not _is_taken(lines, place.branch_id, takers.get((place.execution_id, str(event_id)), ())):
            return event_id
    return None


def lines_of(branch_ids: Collection[UUID]) -> dict[UUID, Line]:
    """The lines of branches, each from itself upwards."""
    lines: defaultdict[UUID, Line] = defaultdict(list)
    for branch, id_, fork in fetch(_LINES, {"branches": list(branch_ids)}):
        lines[branch].append((id_, fork))
    return lines


def _takers(run_ids: Collection[UUID], event_ids: Sequence[UUID]) -> dict[tuple[UUID, str], list[UUID]]:
    found: defaultdict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for run, event, branch in fetch(_TAKERS, {"runs": list(run_ids), "events": [str(each) for each in event_ids]}):
        found[run, event].append(branch)
    return found


def _is_taken(lines: dict[UUID, Line], branch_id: UUID, takers: Iterable[UUID]) -> bool:
    return any(not _is_beside(lines[taker], lines[branch_id]) for taker in takers)


def _is_beside(other: Line, own: Line) -> bool:
    """Whether two branches were made by the same fork, or are below such."""
    levels = {id_: level for level, (id_, _) in enumerate(own)}
    met = next((level for level, (id_, _) in enumerate(other) if id_ in levels), 0)
    at = levels.get(other[met][0], 0)
    return met > 0 and at > 0 and other[met - 1][1] == own[at - 1][1]
