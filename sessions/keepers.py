"""Upkeep of sessions: work in the background that nobody looks at, and what is not needed any more."""

from django.conf import settings

from agents.retention import kinds
from julep_project.core.work.keeper import Keeper, register
from sessions.erasing import SESSIONS
from sessions.expiry import ENTRIES
from sessions.history import pending, turns
from sessions.shortening import jobs


def sweep_jobs() -> None:
    """Ring for jobs nobody looks at, and forget turns of long ago."""
    jobs.QUEUED.ring_due()
    turns.prune_turns()


register(Keeper("sessions.sweep_jobs", settings.SWEEP_SECONDS, sweep_jobs, figures=jobs.QUEUED.figures))
register(Keeper("sessions.prune_pending", 3600, pending.prune_pending))
kinds.register(ENTRIES)
kinds.register_personal(SESSIONS)
