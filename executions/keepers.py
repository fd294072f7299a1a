"""Upkeep of runs: branches nobody looks at, and stored contents of runs that were deleted."""

from django.conf import settings

from agents.calls.removal import TEXTS
from agents.retention import kinds
from executions import blobs, services
from executions.actions import connecting, settling
from executions.called.orphans import cancel_orphans
from executions.engine.dispatch import CeleryDispatcher
from executions.engine.standing import ANY_HELD_UP, let_go_on
from executions.engine.sweep import NAME, figures, sweep
from executions.removal.belongings import register_runs
from executions.removal.erasing import RUNS as RUNS_OF_USERS
from executions.removal.expiry import RUNS
from julep_project.core.work.keeper import Keeper, register

register(Keeper(NAME, settings.SWEEP_SECONDS, lambda: sweep(CeleryDispatcher()), figures=figures))
register(Keeper("executions.let_go_on", 5, let_go_on, when=lambda: (ANY_HELD_UP, [])))
register(
    Keeper(
        "executions.resume_within_budget",
        5,
        services.resume_within_budget,
        when=lambda: (services.ANY_WAITS_FOR_BUDGET, []),
    )
)
register(Keeper("executions.cancel_orphans", 60, cancel_orphans))
register(Keeper("executions.prune_blobs", 3600, blobs.prune_blobs))
# They look at every call that waits for somebody. What has come about is told at once, as a rule.
register(Keeper("executions.go_on_connected", 60, connecting.sweep))
register(Keeper("executions.expire_actions", 60, settling.expire))
kinds.register(RUNS)
kinds.register_personal(RUNS_OF_USERS)
kinds.register_personal(TEXTS)
register_runs()
