"""What one session may cost in all, with those that its agents ask others in and the runs that were begun in these, as
whoever asks in it says.

No stored limit, since each caller brings its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from agents.models import UsageState
from agents.spending import totals
from julep_project.core.database import fetch
from julep_project.core.errors import CostLimitExceeded


@dataclass(frozen=True, slots=True)
class _Budget:
    session_id: UUID
    amount: Decimal


class BudgetSpent(CostLimitExceeded):
    """The session has cost what it may."""

    def __init__(self, session_id: UUID, amount: Decimal) -> None:
        super().__init__(f"the session {session_id} may cost {amount} US dollars, and has")


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


def has_budget() -> bool:
    """Whether calls made here count in one."""
    return bool(_budgets.get())


def check_budgets() -> None:
    """Refuse a call in a session that has cost what it may, or below one. Of calls at the same time each may be the
    last.

    Raises:
        BudgetSpent
    """
    for budget in _budgets.get():
        if _spent(budget.session_id) >= budget.amount:
            raise BudgetSpent(budget.session_id, budget.amount)


def _spent(session_id: UUID) -> Decimal:
    [(spent,)] = fetch(_SPENT, {"session": session_id, "unknown": totals.unknown_price()})
    return Decimal(spent)


_IDS = "(SELECT of FROM ids)::uuid[]"
# The runs that calls in these sessions have begun count, too.
_OF_THESE = f"(session_id = ANY({_IDS}) OR counts_for && {_IDS})"
# A session says in its metadata which other one it was begun in.
_SPENT = f"""
    WITH RECURSIVE below(id) AS (
        SELECT %(session)s::uuid
        UNION
        SELECT session.id FROM below JOIN chat_sessions_session session
            ON session.metadata @> jsonb_build_object('called_by', jsonb_build_object('session_id', below.id::text))
            AND session.developer_id = (SELECT developer_id FROM chat_sessions_session WHERE id = %(session)s)
    )
    , ids AS MATERIALIZED (SELECT array_agg(id) AS of FROM below)
    SELECT coalesce(sum(counted), 0) FROM (
        SELECT cost + unpriced * %(unknown)s AS counted FROM spending_usageday
        WHERE {_OF_THESE} AND NOT custom_api_used
        UNION ALL
        SELECT CASE WHEN state = '{UsageState.RESERVED}' THEN reserved ELSE coalesce(cost, %(unknown)s) END
        FROM agents_modelusage WHERE {_OF_THESE} AND NOT folded AND NOT custom_api_used
    ) AS parts
"""
