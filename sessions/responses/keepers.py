"""Upkeep of responses: those nobody looks at, and those that were deleted."""

from agents.retention import kinds
from julep_project.core.work.keeper import Keeper, register
from sessions.responses.erasing import CONVERSATIONS as CONVERSATIONS_OF_USERS
from sessions.responses.erasing import RESPONSES as RESPONSES_OF_USERS
from sessions.responses.expiry import CONVERSATIONS, RESPONSES
from sessions.responses.rows import store

register(store.QUEUED.sweep("sessions.sweep_responses"))
register(Keeper("sessions.prune_responses", 3600, store.prune_responses))
kinds.register(RESPONSES)
kinds.register(CONVERSATIONS)
kinds.register_personal(RESPONSES_OF_USERS)
kinds.register_personal(CONVERSATIONS_OF_USERS)
