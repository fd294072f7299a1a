"""Upkeep of sessions: work in the background that nobody looks at, and what is not needed any more."""

from django.conf import settings

from agents.audit.verbs import ObjectKind
from agents.retention import belongings, kinds
from julep_project.core.work.keeper import Keeper, register
from sessions.erasing import ENTRIES as ENTRIES_OF_SESSION
from sessions.erasing import SESSIONS
from sessions.expiry import ENTRIES
from sessions.history import pending, turns
from sessions.shortening import jobs

register(jobs.QUEUED.sweep("sessions.sweep_jobs"))
register(Keeper("sessions.prune_turns", settings.SWEEP_SECONDS, turns.prune_turns, when=turns.are_old))
register(Keeper("sessions.prune_pending", 3600, pending.prune_pending))
kinds.register(ENTRIES)
kinds.register_personal(SESSIONS)
belongings.register(ObjectKind.SESSION, ENTRIES_OF_SESSION)
