"""Upkeep of hooks: the record of calls is kept for a period."""

from django.conf import settings

from agents.retention.kinds import Kind, deletion, register, removed_by
from agents.retention.pace import Pace
from julep_project.core.tenancy import system_scope
from julep_project.core.work import keeper

_OLD = "SELECT id FROM hooks_hookcall WHERE developer_id = %(developer)s AND created_at < %(before)s"
_KEPT_LONG_ENOUGH = "SELECT id FROM hooks_hookcall WHERE created_at < now() - make_interval(days => %(days)s)"
_PRUNE = deletion("hooks_hookcall", _KEPT_LONG_ENOUGH)


@system_scope()
def prune() -> int:
    """Remove calls that are too old; how many. One that is not known any more may be taken again."""
    return Pace().drain(_PRUNE, {"days": settings.HOOK_CALL_DAYS})


register(Kind("hook_calls", "Calls that hooks received", _OLD, removed_by(deletion("hooks_hookcall", _OLD))))
keeper.register(keeper.Keeper("hooks.prune", 3600, prune))
