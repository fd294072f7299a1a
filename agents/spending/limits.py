"""Which limits are in force for whom, and how much of each is left."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from agents.models import Developer
from agents.spending import totals
from agents.spending.attribution import Attribution
from agents.spending.models import LimitScope, SpendingLimit, SpendingTotal
from agents.spending.periods import bounds, midnight, today
from agents.spending.sql import COLUMN_OF_SCOPE, OF_CALLERS, TODAY
from agents.spending.totals import FREE_TIER, Countable
from julep_project.core.clock import to_wire
from julep_project.core.database import fetch
from julep_project.core.errors import CostLimitExceeded
from julep_project.core.process.remembered import Memory
from julep_project.core.tenancy import tenant_scope

PAID = "paid"


@dataclass(frozen=True, slots=True)
class InForce:
    """The limits of a developer, as they were a moment ago."""

    limits: tuple[Countable, ...]

    def applying(self, attribution: Attribution) -> list[Countable]:
        """Those that a call counts in."""
        return [limit for limit in self.limits if _is_of(limit, attribution)]


def _is_of(limit: Countable, attribution: Attribution) -> bool:
    scope = LimitScope(limit.scope)
    column = COLUMN_OF_SCOPE.get(scope)
    is_own = column is None or getattr(attribution, column) == limit.scope_id
    return is_own or (scope in OF_CALLERS and limit.scope_id in attribution.counts_for)


# For so long a process may not know of the first limit of something. How much is left always says the database.
_known: Memory[UUID, InForce] = Memory(most=10_000, for_s=5.0)


def is_free(developer: Developer) -> bool:
    """Whether the limits of the free tier are the developer's."""
    return PAID not in (developer.tags or ())


def known(developer: Developer) -> InForce | None:
    """The limits of a developer, if this process has read them lately."""
    return _known.recall(developer.pk)


def in_force(developer: Developer, *, anew: bool = False) -> InForce:
    """The limits of a developer, read now unless they were lately."""
    if anew:
        _known.forget(developer.pk)
    return _known.find(developer.pk, lambda _: _read(developer))


def _read(developer: Developer) -> InForce:
    rows = SpendingLimit.objects.for_developer(developer).values_list("id", "scope", "scope_id", "period")
    limits = [Countable(*row) for row in rows]
    if is_free(developer):
        limits.append(FREE_TIER)
    return InForce(tuple(limits))


def forget(developer_id: UUID | None = None) -> None:
    """Read the limits of this developer, or of all, before the next call."""
    if developer_id is None:
        _known.forget_all()
    else:
        _known.forget(developer_id)


def free_tier(developer: Developer) -> dict[str, Any]:
    """What statements have to know of it."""
    return {"is_free": is_free(developer), "free_amount": settings.FREE_TIER_COST_LIMIT}


def is_over(developer: Developer) -> bool | None:
    """Whether a developer of the free tier has spent more than it gives in this month; False for any other.

    None: nobody knows. Reads one row.
    """
    if not is_free(developer):
        return False
    cost = free_tier_cost(developer.pk)
    return None if cost is None else cost > settings.FREE_TIER_COST_LIMIT


def free_tier_cost(developer_id: UUID) -> Decimal | None:
    """What calls of a developer cost in this month, as it counts for the free tier. Reads one row.

    None: no price is known of any, and the installation does not say what such calls count for.
    """
    with tenant_scope(developer_id):
        rows = fetch(_FREE_TOTAL, [developer_id])
        if not rows:
            totals.ensure(developer_id, [FREE_TIER])
            rows = fetch(_FREE_TOTAL, [developer_id])
    [(spent, unpriced)] = rows
    return None if unpriced and not spent and settings.UNKNOWN_PRICE_USD is None else spent


_FREE_TOTAL = f"""
    SELECT spent - forgiven, unpriced FROM spending_spendingtotal
    WHERE developer_id = %s AND limit_id IS NULL AND starts_on = date_trunc('month', {TODAY})::date
"""


@dataclass(frozen=True, slots=True)
class LimitState:
    """A limit and how much of it is used. `row` None is the free tier's."""

    row: SpendingLimit | None
    countable: Countable
    amount: Decimal
    spent: Decimal
    reserved: Decimal
    ends_on: date | None

    @property
    def left(self) -> Decimal:
        return max(self.amount - self.spent - self.reserved, Decimal(0))

    @property
    def resets_at(self) -> str | None:
        """When its period ends."""
        return None if self.ends_on is None else to_wire(midnight(self.ends_on))


def states(developer: Developer, limits: Sequence[SpendingLimit], *, with_free_tier: bool = False) -> list[LimitState]:
    """How these limits of a developer stand, in their order; the free tier's is the first."""
    rows: list[SpendingLimit | None] = [*([None] if with_free_tier and is_free(developer) else []), *limits]
    countables = [FREE_TIER if row is None else countable(row) for row in rows]
    found = _totals_of(developer, rows)
    missing = [one for one in countables if one.limit_id not in found]
    if missing:
        totals.ensure(developer.pk, missing)
        found = _totals_of(developer, rows)
    return [_state(row, one, found) for row, one in zip(rows, countables, strict=True)]


def left_of(developer: Developer, limit_ids: Collection[UUID | None]) -> Decimal | None:
    """How much is left of the tightest of these limits; None when none of them is there any more."""
    rows = list(SpendingLimit.objects.filter(pk__in=[one for one in limit_ids if one is not None]))
    found = states(developer, rows, with_free_tier=None in limit_ids)
    return min((state.left for state in found), default=None)


def exceeded(developer: Developer, reached: Sequence[UUID], *, asked: Decimal, is_momentary: bool) -> CostLimitExceeded:
    """The error for a call that the limits do not allow; the nil id is the free tier's."""
    ids = [None if limit_id.int == 0 else limit_id for limit_id in reached]
    rows = list(SpendingLimit.objects.filter(pk__in=[one for one in ids if one is not None]))
    found = states(developer, rows, with_free_tier=None in ids)
    told = [state_to_wire(state) for state in found]
    return CostLimitExceeded(limits=ids, is_momentary=is_momentary, asked=float(asked), extra={"limits": told})


def state_to_wire(state: LimitState) -> dict[str, Any]:
    """A limit as the API shows it, without what every row has."""
    return {
        "scope": state.countable.scope,
        "scope_id": None if state.countable.scope_id is None else str(state.countable.scope_id),
        "period": state.countable.period,
        "amount": float(state.amount),
        "spent": float(state.spent),
        "reserved": float(state.reserved),
        "left": float(state.left),
        "resets_at": state.resets_at,
    }


def countable(row: SpendingLimit) -> Countable:
    return Countable(row.pk, row.scope, row.scope_id, row.period)


def _totals_of(developer: Developer, rows: Sequence[SpendingLimit | None]) -> Mapping[UUID | None, SpendingTotal]:
    ids = [row.pk for row in rows if row is not None]
    current = SpendingTotal.objects.for_developer(developer).filter(Q(ends_on__gt=today()) | Q(ends_on=None))
    return {total.limit_id: total for total in current.filter(Q(limit__in=ids) | Q(limit=None))}


def _state(row: SpendingLimit | None, one: Countable, found: Mapping[UUID | None, SpendingTotal]) -> LimitState:
    total = found.get(one.limit_id)
    amount = settings.FREE_TIER_COST_LIMIT if row is None else row.amount
    spent = Decimal(0) if total is None else total.spent - total.forgiven
    reserved = Decimal(0) if total is None else total.reserved
    return LimitState(row, one, amount, spent, reserved, bounds(one.period, today())[1])
