"""Upkeep of idempotency keys."""

from julep_project.core.idempotency.rows import prune
from julep_project.core.work.keeper import Keeper, register

register(Keeper("core.prune_idempotency_keys", 3600, prune))
