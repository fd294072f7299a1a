"""What a run waits for, in one shape for all kinds of waiting."""

from typing import Any, NamedTuple
from uuid import UUID

from executions.engine.draft import ACTION, APPROVAL, BEGUN, WAITS_FOR
from executions.engine.rows.claims import TERMINAL_SQL
from executions.models import Execution
from executions.states import TERMINAL_EXECUTION
from julep_project.core.clock import to_wire
from julep_project.core.database import fetch

# The kinds that a wait of the log has no name of its own for in the branch that stands at it.
INPUT, EVENT, ATTENTION, EXECUTION, SLEEP = "input", "event", "needs_attention", "execution", "sleep"
TOOL_APPROVAL = "tool_approval"
# Of one run, the longest waits.
MOST_TOLD = 20

# A call stands there that has begun a run which goes on. What an action asks is as it was written here, and small.
_STANDING = f"""
    SELECT b.status, b.wait_id, coalesce(t.created_at, c.created_at, b.updated_at) AS since,
           coalesce(b.wake_at, (b.effect->'{WAITS_FOR}'->>'expires_at')::timestamptz) AS until,
           b.effect->'{WAITS_FOR}'->>'type', b.effect->'{WAITS_FOR}'->>'action', b.effect IS NOT NULL, w.name,
           t.step_label, CASE WHEN b.effect->'{WAITS_FOR}'->>'type' = '{ACTION}' THEN t.output->>'url' END, c.id
    FROM executions_branch b
    LEFT JOIN executions_transition t ON t.id = b.wait_id
    LEFT JOIN executions_eventwait w ON w.id = b.wait_id
    LEFT JOIN executions_execution c ON b.status = 'calling' AND c.id = (b.effect->>'{BEGUN}')::uuid
         AND c.status NOT IN ({TERMINAL_SQL})
    WHERE b.execution_id = %(run)s
      AND (b.status IN ('awaiting_input', 'sleeping') OR (b.status = 'calling' AND c.id IS NOT NULL))
    ORDER BY since, b.id LIMIT %(most)s
"""


class _Standing(NamedTuple):
    """A branch that waits."""

    status: str
    wait_id: UUID | None
    since: Any
    until: Any
    waits_for: str | None
    action: str | None
    is_call: bool
    event: str | None
    step_label: str | None
    url: str | None
    called: UUID | None

    @property
    def type(self) -> str:
        if self.called is not None:
            return EXECUTION
        if self.status == "sleeping":
            return SLEEP
        if self.event is not None:
            return EVENT
        if self.waits_for in (APPROVAL, ACTION):
            return TOOL_APPROVAL if self.action is None else self.action
        return self.waits_for or (ATTENTION if self.is_call else INPUT)


def waits_of(execution: Execution) -> list[dict[str, Any]]:
    """What the run waits for, those first that it has waited for longest."""
    if execution.status in TERMINAL_EXECUTION:
        return []
    found = fetch(_STANDING, {"run": execution.pk, "most": MOST_TOLD})
    return [_to_wire(execution, _Standing(*row)) for row in found]


def _to_wire(execution: Execution, one: _Standing) -> dict[str, Any]:
    """Whatever it is, it has an `id` to be told from others, and a `link` if somebody can look at it, or do it."""
    link = None if one.wait_id is None else f"/executions/{execution.pk}/transitions/{one.wait_id}"
    # A call looks again every so often; a wait ends by itself.
    until = None if one.called is not None else one.until
    return {
        "type": one.type,
        "id": None if (id_ := one.called or one.wait_id) is None else str(id_),
        "link": one.url or (link if one.called is None else f"/executions/{one.called}"),
        "since": to_wire(one.since),
        "until": None if until is None else to_wire(until),
        "step_label": one.step_label,
        "event": one.event,
    }
