"""Upkeep of events."""

from agents.retention.kinds import Kind, deletion, register, removed_by
from agents.retention.pace import Pace
from executions.events.handing_out import EVENT_QUEUE, WAIT_QUEUE
from julep_project.core.tenancy import system_scope
from julep_project.core.work import keeper

_OLD = """
    SELECT id FROM events_event WHERE developer_id = %(developer)s AND created_at < %(before)s AND state <> 'pending'
"""
_KEPT_LONG_ENOUGH = "SELECT id FROM events_event WHERE kept_until < now() AND state <> 'pending'"
_PRUNE = deletion("events_event", _KEPT_LONG_ENOUGH, order="kept_until")


@system_scope()
def prune() -> int:
    """Remove events that no wait may take any more; how many."""
    return Pace().drain(_PRUNE, {})


register(Kind("events", "Events that were recorded", _OLD, removed_by(deletion("events_event", _OLD))))
keeper.register(EVENT_QUEUE.sweep("events.sweep"))
keeper.register(WAIT_QUEUE.sweep("events.sweep_waits"))
keeper.register(keeper.Keeper("events.prune", 3600, prune))
