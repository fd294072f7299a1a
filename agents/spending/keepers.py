"""Upkeep of accounts: calls whose process died, sums of days, totals of limits."""

from agents.spending import folding, ledger, totals
from julep_project.core.work.keeper import Keeper, register

register(Keeper("spending.give_up_abandoned", 60, ledger.give_up_abandoned))
register(Keeper("spending.fold", 30, folding.fold))
register(Keeper("spending.recount", 60, totals.recount_due))
