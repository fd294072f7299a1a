"""Upkeep of deliveries."""

from agents.retention.kinds import Kind, Person, Personal, register, register_personal, removed_by
from agents.retention.pace import Pace
from agents.webhooks.rows import QUEUED
from agents.webhooks.standing import ANYTHING, look_after
from julep_project.core.work import keeper

# How each came to its endpoints goes with them.
_OLD = "SELECT number FROM webhooks_message WHERE developer_id = %(developer)s AND created_at < %(before)s"
# Metadata of runs say for whom they were.
_OF_USER = """
    SELECT number FROM webhooks_message WHERE developer_id = %(developer)s
      AND data @> jsonb_build_object('metadata', jsonb_build_object('user_id', %(user)s::text))
"""
_REMOVE = "DELETE FROM webhooks_message WHERE number IN ({found} ORDER BY number LIMIT %(rows)s) RETURNING number"


def _remove(person: Person, pace: Pace) -> int:
    return pace.drain(_REMOVE.format(found=_OF_USER), person.values)


MESSAGES = Kind("webhooks", "What webhooks were told, and how it arrived", _OLD, removed_by(_REMOVE.format(found=_OLD)))
MESSAGES_OF_USERS = Personal("webhook messages", _OF_USER, _remove)

register(MESSAGES)
register_personal(MESSAGES_OF_USERS)
keeper.register(QUEUED.sweep("webhooks.sweep"))
keeper.register(keeper.Keeper("webhooks.look_after", 10, look_after, when=lambda: (ANYTHING, [])))
