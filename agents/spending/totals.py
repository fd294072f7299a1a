"""What is spent of limits: a row for each period, made from the accounts when its first call comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.models import UsageState
from agents.spending.models import LimitPeriod, LimitScope, SpendingTotal
from agents.spending.periods import bounds
from agents.spending.sql import COLUMN_OF_SCOPE, DAY_OF_USAGE, OF_CALLERS, TODAY
from julep_project.core.database import execute, fetch

_RECOUNTED_AT_ONCE = 50
_KEPT_DAYS = 62


@dataclass(frozen=True, slots=True)
class Countable:
    """A limit as far as totals go; `limit_id` None is the free tier."""

    limit_id: UUID | None
    scope: str
    scope_id: UUID | None
    period: str


FREE_TIER = Countable(None, LimitScope.DEVELOPER, None, LimitPeriod.MONTH)


def unknown_price() -> Any:
    """What a call of unknown price counts for in limits, in US dollars."""
    return settings.UNKNOWN_PRICE_USD or 0


def ensure(developer_id: UUID, limits: Sequence[Countable]) -> None:
    """Let there be a total for the current period of each, with what was spent in it until now."""
    [(day,)] = fetch(f"SELECT {TODAY}")
    for limit in limits:
        _ensure(developer_id, limit, day)


def _ensure(developer_id: UUID, limit: Countable, day: date) -> None:
    starts_on, ends_on = bounds(limit.period, day)
    parameters = {
        "developer": developer_id, "limit": limit.limit_id, "scope": limit.scope, "scope_id": limit.scope_id,
        "starts_on": starts_on, "ends_on": ends_on,
    }  # fmt: skip
    with transaction.atomic():
        made = fetch(_MAKE, parameters)
        for (total_id,) in made:
            _recount(total_id, limit.scope, limit.scope_id)
            # Calls that were settled meanwhile may not have seen it: it is counted once more.
            execute("UPDATE spending_spendingtotal SET counted_at = NULL WHERE id = %s", [total_id])


# Only for a limit that is there: it may have been removed since whoever asks has read it.
_MAKE = """
    INSERT INTO spending_spendingtotal (developer_id, limit_id, scope, scope_id, starts_on, ends_on, spent, reserved,
                                        forgiven, unpriced)
    SELECT %(developer)s, %(limit)s::uuid, %(scope)s, %(scope_id)s::uuid, %(starts_on)s::date, %(ends_on)s::date,
           0, 0, 0, 0
    WHERE %(limit)s::uuid IS NULL OR EXISTS (SELECT FROM spending_spendinglimit WHERE id = %(limit)s::uuid)
    ON CONFLICT DO NOTHING RETURNING id
"""


def recount(total_id: int) -> None:
    """Let a total say what the accounts say.

    Every change of an account changes the totals it counts in too. This is for a total that was made while a call was
    being settled, and for calls written by a release that knew nothing of totals.
    """
    total = SpendingTotal.objects.filter(pk=total_id).values("scope", "scope_id").first()
    if total is not None:
        with transaction.atomic():
            _recount(total_id, total["scope"], total["scope_id"])


def recount_due() -> int:
    """Recount the totals of current periods that were not lately, and remove those of periods long over."""
    execute(f"DELETE FROM spending_spendingtotal WHERE ends_on < {TODAY} - {_KEPT_DAYS}")
    due = fetch(_DUE, {"most": _RECOUNTED_AT_ONCE})
    for (total_id,) in due:
        recount(total_id)
    return len(due)


_DUE = f"""
    SELECT id FROM spending_spendingtotal
    WHERE (counted_at IS NULL OR counted_at < now() - interval '1 hour') AND (ends_on IS NULL OR ends_on > {TODAY})
    ORDER BY counted_at NULLS FIRST LIMIT %(most)s
"""


def _recount(total_id: int, scope: str, scope_id: UUID | None) -> None:
    """The second statement sees what was committed before the lock was had; later changes wait for it."""
    execute("SELECT FROM spending_spendingtotal WHERE id = %s FOR UPDATE", [total_id])
    column = COLUMN_OF_SCOPE.get(LimitScope(scope))
    narrowed = "" if column is None else f"AND c.{column} = %(scope_id)s"
    if scope in OF_CALLERS:
        narrowed = f"AND (c.{column} = %(scope_id)s OR c.counts_for @> ARRAY[%(scope_id)s::uuid])"
    execute(_RECOUNT.format(narrowed=narrowed), {"id": total_id, "scope_id": scope_id, "unknown": unknown_price()})


_RECOUNT = f"""
    UPDATE spending_spendingtotal t
    SET counted_at = now(), (spent, unpriced, reserved) = (
        SELECT coalesce(sum(p.counted), 0), coalesce(sum(p.unpriced), 0), coalesce(sum(p.held), 0)
        FROM (
            SELECT c.cost + c.unpriced * %(unknown)s AS counted, c.unpriced, 0 AS held
            FROM spending_usageday c
            WHERE c.developer_id = t.developer_id AND c.day >= t.starts_on AND (t.ends_on IS NULL OR c.day < t.ends_on)
              AND NOT c.custom_api_used {{narrowed}}
            UNION ALL
            SELECT CASE WHEN c.state = '{UsageState.RESERVED}' THEN 0 ELSE coalesce(c.cost, %(unknown)s) END,
                   (c.cost IS NULL AND c.state <> '{UsageState.RESERVED}')::int,
                   CASE WHEN c.state = '{UsageState.RESERVED}' THEN c.reserved ELSE 0 END
            FROM agents_modelusage c
            WHERE c.developer_id = t.developer_id AND NOT c.folded AND {DAY_OF_USAGE} >= t.starts_on
              AND (t.ends_on IS NULL OR {DAY_OF_USAGE} < t.ends_on) AND NOT c.custom_api_used {{narrowed}}
        ) AS p)
    WHERE t.id = %(id)s
"""
