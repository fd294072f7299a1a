"""What one session may cost in all, as whoever asks in it says: no stored limit, since each caller brings its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from agents.models import UsageState
from agents.spending import totals
from agents.spending.attribution import Attribution
from julep_project.core.database import fetch
from julep_project.core.errors import CostLimitExceeded


@dataclass(frozen=True, slots=True)
class _Budget:
    session_id: UUID
    amount: Decimal


class BudgetSpent(CostLimitExceeded):
    """The session has cost what it may."""

    def __init__(self, amount: Decimal) -> None:
        super().__init__(f"the session may cost {amount} US dollars, and has")
        self.amount = amount


# Of the sessions that the calls here are made in, the innermost last.
_budgets: ContextVar[tuple[_Budget, ...]] = ContextVar("budgets", default=())


@contextmanager
def within_budget(session_id: UUID, amount: Decimal | None) -> Iterator[None]:
    """Let calls of the block be refused when the session has cost that much. It goes along as attributions do."""
    if amount is None:
        yield
        return
    token = _budgets.set((*_budgets.get(), _Budget(session_id, amount)))
    try:
        yield
    finally:
        _budgets.reset(token)


def has_budget(attribution: Attribution) -> bool:
    """Whether a call counts in one."""
    return any(budget.session_id == attribution.session_id for budget in _budgets.get())


def check_budgets(attribution: Attribution) -> None:
    """Refuse a call of a session that has cost what it may. Of calls at the same time each may be the last.

    Raises:
        BudgetSpent
    """
    for budget in _budgets.get():
        if budget.session_id == attribution.session_id and _spent(budget.session_id) >= budget.amount:
            raise BudgetSpent(budget.amount)


def _spent(session_id: UUID) -> Decimal:
    [(spent,)] = fetch(_SPENT, {"session": session_id, "unknown": totals.unknown_price()})
    return Decimal(spent)


_SPENT = f"""
    SELECT coalesce(sum(counted), 0) FROM (
        SELECT cost + unpriced * %(unknown)s AS counted FROM spending_usageday
        WHERE session_id = %(session)s AND NOT custom_api_used
        UNION ALL
        SELECT CASE WHEN state = '{UsageState.RESERVED}' THEN reserved ELSE coalesce(cost, %(unknown)s) END
        FROM agents_modelusage WHERE session_id = %(session)s AND NOT folded AND NOT custom_api_used
    ) AS parts
"""
