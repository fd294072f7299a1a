"""Ends waits with an event: each once, whoever tries it how often. The branch's own row decides.

Locks are taken as the engine does: executions first, here several in the order of their ids, then branches.
"""

from collections.abc import Sequence
from typing import Any

from executions import announcements
from executions.crashpoints import crashpoint
from executions.engine.dispatch import Dispatcher
from executions.engine.rows.claims import TERMINAL_SQL
from executions.events.models import Event
from executions.events.taken import Place
from executions.events.wire import event_output
from executions.models import EVENT
from julep_project.core.database import fetch
from julep_project.core.ids import uuid7
from julep_project.core.reading.jsontext import to_json_text

# So many runs that one event wakes go with those of others, the rest behind them.
WITH_OTHERS = 32

_TAKE = f"""
    WITH asked AS (
        SELECT * FROM unnest(%(waits)s::uuid[], %(branches)s::uuid[], %(runs)s::uuid[], %(rows)s::uuid[])
            AS a(wait_id, branch_id, execution_id, row_id)
    ), run AS MATERIALIZED (
        SELECT e.id FROM executions_execution e
        WHERE e.id = ANY (%(runs)s) AND e.status NOT IN ({TERMINAL_SQL}) ORDER BY e.id FOR UPDATE
    ), won AS (
        UPDATE executions_branch b
        SET status = 'ready', event = %(event)s::jsonb, effect = NULL, wait_id = NULL, wake_at = NULL, rung_at = now(),
            updated_at = date_trunc('milliseconds', clock_timestamp())
        FROM asked a JOIN run ON run.id = a.execution_id
        WHERE b.id = a.branch_id AND b.status = 'awaiting_input' AND b.wait_id = a.wait_id
        RETURNING b.id AS branch_id, b.execution_id, a.wait_id, a.row_id
    ), head AS (
        UPDATE executions_execution e
        SET transition_count = e.transition_count + woken.count, runnable = e.runnable + woken.count,
            open_waits = e.open_waits - woken.count, status = 'running', asleep_until = NULL,
            updated_at = greatest(e.updated_at, date_trunc('milliseconds', clock_timestamp()))
        FROM (SELECT execution_id, count(*)::int AS count FROM won GROUP BY execution_id) AS woken
        WHERE e.id = woken.execution_id
        RETURNING e.id, e.transition_count - woken.count AS base, e.updated_at
    ), log AS (
        INSERT INTO executions_transition (id, execution_id, branch_id, seq, type, current, output, metadata,
                                           created_at, scope)
        SELECT won.row_id, won.execution_id, won.branch_id,
               head.base + row_number() OVER (PARTITION BY won.execution_id ORDER BY won.wait_id), 'resume',
               t.current, %(output)s::jsonb, %(metadata)s::jsonb, head.updated_at, t.scope
        FROM won JOIN head ON head.id = won.execution_id JOIN executions_transition t ON t.id = won.wait_id
    )
    SELECT branch_id, execution_id FROM won
"""


def wake(event: Event, places: Sequence[Place], dispatcher: Dispatcher, *, before: int = 0) -> int:
    """Let these waits take the event, as far as they still stand; how many did. Call it outside of a transaction.

    `before`: how many others have been woken for it.
    """
    if not places:
        return 0
    output = event_output(event)
    told = {"resumed_by": {"kind": EVENT, "id": str(event.pk), "name": event.name}, EVENT: str(event.pk)}
    values: dict[str, Any] = {
        "waits": [place.wait_id for place in places],
        "branches": [place.branch_id for place in places],
        "runs": [place.execution_id for place in places],
        "rows": [uuid7() for _ in places],
        "event": to_json_text({"kind": "input", "value": output}),
        "output": to_json_text(output),
        "metadata": to_json_text(told),
    }
    crashpoint("before_wake", event.pk)
    woken = fetch(_TAKE, values)
    crashpoint("after_wake", event.pk)
    for at, (branch_id, execution_id) in enumerate(woken, before):
        announcements.announce(execution_id)
        dispatcher.advance(branch_id, is_surplus=at >= WITH_OTHERS)
    return len(woken)
