"""Upkeep of deliveries."""

from agents.retention.kinds import Kind, register, removed_by
from agents.webhooks.rows import QUEUED
from agents.webhooks.standing import look_after
from julep_project.core.work import keeper

# How each came to its endpoints goes with them.
_OLD = "SELECT number FROM webhooks_message WHERE developer_id = %(developer)s AND created_at < %(before)s"
_REMOVE = f"DELETE FROM webhooks_message WHERE number IN ({_OLD} ORDER BY created_at LIMIT %(rows)s) RETURNING number"

register(Kind("webhooks", "What webhooks were told, and how it arrived", _OLD, removed_by(_REMOVE)))
keeper.register(QUEUED.sweep("webhooks.sweep"))
keeper.register(keeper.Keeper("webhooks.look_after", 10, look_after))
