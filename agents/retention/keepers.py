"""Upkeep: removes what is too old; and how long usage and the audit log are kept."""

from agents.retention import removal
from agents.retention.erasure import ERASURES
from agents.retention.kinds import Kind, deletion, register, removed_by
from julep_project.core.work import keeper

# What is in no sum of a day yet stays: sums of usage outlive the rows.
_CALLS = "SELECT id FROM agents_modelusage WHERE developer_id = %(developer)s AND created_at < %(before)s AND folded"
_AUDIT = "SELECT id FROM audit_auditrecord WHERE developer_id = %(developer)s AND created_at < %(before)s"

register(
    Kind(
        "calls",
        "Rows for single calls of models",
        _CALLS,
        removed_by(deletion("agents_modelusage", _CALLS)),
    )
)
register(
    Kind(
        "audit",
        "The audit log",
        _AUDIT,
        removed_by(deletion("audit_auditrecord", _AUDIT)),
    )
)
# Takes minutes where much is due.
keeper.register(keeper.Keeper("retention.retain", 3600, removal.retain, queue="io"))
keeper.register(ERASURES.queued.sweep("retention.sweep_erasures"))
