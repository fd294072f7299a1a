"""The engine without a broker: one queue, handled in order by the caller's thread. For flow tests and `run_task`."""

from collections import deque
from uuid import UUID, uuid4

from executions.effects.perform import perform_claimed, perform_effect
from executions.engine.advance import advance_branch
from executions.engine.dispatch import ring_after
from executions.engine.lane import LaneStop, run_lane
from executions.events import handing_out
from executions.states import TERMINAL_EXECUTION
from julep_project.core.database import fetch

# The timers of the run and of those it waits for. That a call looks now and then whether its run has ended is none.
_WAKE_NEXT = """
    UPDATE executions_branch SET wake_at = now(),
        lease_until = CASE status WHEN 'running' THEN now() - interval '1 second' ELSE lease_until END
    WHERE id = (
        SELECT b.id FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
        WHERE (e.id = %(run)s OR e.callers @> ARRAY[%(run)s]) AND NOT e.status = ANY(%(over)s)
          AND NOT (coalesce(b.held_up ? 'run', false) AND b.wake_at > now())
          AND b.status IN ('sleeping', 'calling', 'awaiting_input', 'running') AND b.wake_at IS NOT NULL
        ORDER BY b.wake_at LIMIT 1)
    RETURNING id, status
"""


class InProcessDispatcher:
    """Keeps rings in memory until `drain` handles them."""

    def __init__(self) -> None:
        self._rings: deque[tuple[str, UUID, LaneStop | None]] = deque()

    def advance(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        """See `Dispatcher`. A delayed ring is dropped: `wake_next` is how time passes here."""
        if not delay_s:
            self._rings.append(("advance", branch_id, None))

    def effect(self, branch_id: UUID, *, delay_s: float = 0, is_surplus: bool = False) -> None:
        if not delay_s:
            self._rings.append(("effect", branch_id, None))

    def lanes(self, parent_id: UUID, count: int) -> None:
        for _ in range(count):
            self.lane(parent_id)

    def lane(self, parent_id: UUID, *, is_surplus: bool = False) -> None:
        self._rings.append(("lane", parent_id, None))

    def look_for_event(self, wait_id: UUID) -> None:
        self._rings.append(("look", wait_id, None))

    def hand_out(self, event_id: UUID) -> None:
        self._rings.append(("hand_out", event_id, None))

    def backlog(self, queue: str) -> int:
        """See `Dispatcher`. Rings do not wait here."""
        return 0

    def drain(self) -> None:
        while self._rings:
            self._handle(*self._rings.popleft())

    def run_to_rest(self, execution_id: UUID, *, max_wakes: int = 1000) -> None:
        """Drain, let timers fire in their order without waiting for them, and stop when nothing can move by itself."""
        self.drain()
        for _ in range(max_wakes):
            if not self._wake_next(execution_id):
                return
            self.drain()

    def _handle(self, kind: str, branch_id: UUID, lane: LaneStop | None) -> None:
        owner = str(uuid4())
        if kind == "lane":
            at = lane or LaneStop(None, calls=False)
            stop = run_lane(
                branch_id, at.child_id, owner=owner, dispatcher=self, perform=perform_claimed, calls=at.calls
            )
            if stop is not None:
                self._rings.append(("lane", branch_id, stop))
            return
        if kind in ("look", "hand_out"):
            (handing_out.look if kind == "look" else handing_out.hand_out)(branch_id, self)
            return
        move = advance_branch if kind == "advance" else perform_effect
        advanced = move(branch_id, owner=owner)
        if advanced is not None:
            ring_after(advanced, self)

    def _wake_next(self, execution_id: UUID) -> bool:
        """Make the run's earliest timer due now and ring for it."""
        rows = fetch(_WAKE_NEXT, {"run": execution_id, "over": [status.value for status in TERMINAL_EXECUTION]})
        for branch_id, status in rows:
            self._rings.append(("effect" if status == "calling" else "advance", branch_id, None))
        return bool(rows)
