"""Upkeep of schedules."""

from django.conf import settings

from agents.retention.kinds import Kind, deletion, register, removed_by
from executions.schedules.messages import LEASES, QUEUED
from executions.schedules.ticking.lost import settle_lost
from executions.schedules.ticking.tick import is_wanted, sweep
from julep_project.core.work import keeper

# What is open stays, however old it is.
_ENDED = """
    SELECT id FROM schedules_occurrence WHERE developer_id = %(developer)s AND created_at < %(before)s
      AND state NOT IN ('waiting', 'started') AND is_settled
"""
_TABLE = LEASES.model._meta.db_table

register(Kind("occurrences", "What became of times of schedules", _ENDED, removed_by(deletion(_TABLE, _ENDED))))
keeper.register(keeper.Keeper("schedules.sweep", settings.SWEEP_SECONDS, sweep, when=is_wanted))
keeper.register(QUEUED.sweep("schedules.sweep_messages"))
keeper.register(keeper.Keeper("schedules.settle_lost", 60, settle_lost))
