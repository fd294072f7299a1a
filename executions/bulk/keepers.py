"""Upkeep of bulk actions."""

from agents.retention.kinds import Kind, deletion, register, removed_by
from executions.bulk.working import BULKS
from julep_project.core.work import keeper

# What their runs were goes with them.
_ENDED = """
    SELECT id FROM bulk_bulkaction WHERE developer_id = %(developer)s AND created_at < %(before)s
      AND state IN ('succeeded', 'aborted', 'failed')
"""

register(Kind("bulk", "Acts on many runs that have ended", _ENDED, removed_by(deletion("bulk_bulkaction", _ENDED))))
keeper.register(BULKS.queued.sweep("bulk.sweep"))
