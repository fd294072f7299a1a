"""Upkeep of bulk actions."""

from django.conf import settings

from agents.retention.kinds import Kind, deletion, register, removed_by
from executions.bulk.working import BULKS
from julep_project.core.work import keeper

# What their runs were goes with them.
_ENDED = """
    SELECT id FROM bulk_bulkaction WHERE developer_id = %(developer)s AND created_at < %(before)s
      AND state IN ('succeeded', 'aborted', 'failed')
"""

register(Kind("bulk", "Acts on many runs that have ended", _ENDED, removed_by(deletion("bulk_bulkaction", _ENDED))))
keeper.register(
    keeper.Keeper(
        "bulk.sweep", keeper.RARELY * settings.SWEEP_SECONDS, BULKS.queued.ring_due, figures=BULKS.queued.figures
    )
)
