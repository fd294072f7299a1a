"""The account of a call: an amount is reserved before it, and what it used is settled after it.

Limits, reports and totals all come from these rows. Every statement changes the row of a call and the totals it counts
in together, so they cannot differ. Rows of calls are locked before totals, and totals in the order of their ids.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from agents.models import Developer, UsageState
from agents.spending import limits, totals
from agents.spending.attribution import COUNTS_FOR, DIMENSIONS, Attribution
from agents.spending.budgets import check_budgets, has_budget
from agents.spending.sql import MATCHES, TODAY
from julep_project.core.database import execute, fetch
from julep_project.core.ids import uuid7
from julep_project.core.reading.jsontext import to_json_text

log = logging.getLogger(__name__)

_PRECISION = Decimal("1e-9")
# What the columns hold. No call has cost so much.
_MOST_DOLLARS = 10**9
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model that is to be accounted for. `is_callers`: the caller's own key pays for it."""

    developer: Developer
    model: str
    attribution: Attribution
    is_callers: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True)
class Used:
    """What a call used. `cost` None means that no price is known, `estimated` that the tokens were counted here."""

    prompt_tokens: int
    completion_tokens: int
    cost: Decimal | None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """A call that may be made. Where no limit applies to it, nothing is set aside and no row written yet."""

    call: Call
    is_stored: bool


def is_free_of_limits(call: Call) -> bool | None:
    """Whether no limit applies, as far as this process knows without asking; None when it does not."""
    if not call.is_callers and has_budget():
        return False
    known = None if call.is_callers else limits.known(call.developer)
    return call.is_callers or (None if known is None else not known.applying(call.attribution))


def reserve(call: Call, amount: Callable[[], Decimal]) -> Reservation:
    """Let the call be made, with an amount set aside for it in every limit it counts in.

    The amount is asked for only if there is one. A call that costs nothing is always allowed.

    Raises:
        CostLimitExceeded: what is spent and set aside reaches a limit.
    """
    if call.is_callers:
        return Reservation(call, is_stored=False)
    check_budgets()
    applying = limits.in_force(call.developer).applying(call.attribution)
    wanted = amount().quantize(_PRECISION) if applying else _NOTHING
    if not wanted:
        return Reservation(call, is_stored=False)
    if _reserve(call, wanted, len(applying)) is None:
        # A period has begun, or a limit was made or removed since it was last looked.
        applying = limits.in_force(call.developer, anew=True).applying(call.attribution)
        totals.ensure(call.developer.pk, applying)
        if _reserve(call, wanted, 0) is None:
            raise AssertionError("no number of totals is too small")
    return Reservation(call, is_stored=True)


def _reserve(call: Call, amount: Decimal, expected: int) -> bool | None:
    """Set the amount aside. None: there are fewer totals than expected, and nothing was done.

    Raises:
        CostLimitExceeded
    """
    parameters = {**_row_parameters(call), "reserved": amount, "expected": expected, **limits.free_tier(call.developer)}
    [(count, full, is_momentary)] = fetch(_RESERVE, parameters)
    if count < expected:
        return None
    if full:
        raise limits.exceeded(call.developer, full, asked=amount, is_momentary=is_momentary)
    return True


def settle(reservation: Reservation, used: Used) -> None:
    """Write what the call used. Numbers that cannot be are written as none: what a provider says of a call is no reason
    to lose its answer."""
    call, parameters = reservation.call, _settled_parameters(reservation.call, used)
    if reservation.is_stored and fetch(_SETTLE_RESERVED, parameters) == [(1,)]:
        return
    if reservation.is_stored:
        log.warning("a reservation had been given up", extra={"usage_id": call.id, "model": call.model})
        parameters["id"] = uuid7()
    execute(_SETTLE_NEW, parameters)


def release(reservation: Reservation) -> None:
    """Nothing was used: the call failed."""
    if reservation.is_stored:
        execute(_RELEASE, {"id": reservation.call.id})


def give_up(reservation: Reservation) -> None:
    """It will never be known what the call used: whoever made it was told to stop."""
    if reservation.is_stored:
        execute(_GIVE_UP, {"unknown": totals.unknown_price(), "ids": [reservation.call.id], "age": 0, "most": 1})


def give_up_abandoned() -> int:
    """The same for calls that take longer than any may: their processes died. How many there were."""
    parameters = {"unknown": totals.unknown_price(), "ids": None, "age": settings.RESERVATION_SECONDS, "most": _BATCH}
    [(count,)] = fetch(_GIVE_UP, parameters)
    if count:
        log.warning("calls were not settled", extra={"action": "usage_unknown", "calls": count})
    return int(count)


_BATCH = 500

_TYPES = {**dict.fromkeys(DIMENSIONS, "uuid"), COUNTS_FOR: "uuid[]"}
_COLUMNS = ", ".join(_TYPES)
_VALUES = ", ".join(f"%({name})s::{type_}" for name, type_ in _TYPES.items())
_NAMED_VALUES = ", ".join(f"%({name})s::{type_} AS {name}" for name, type_ in _TYPES.items())
_FREE_TIER = UUID(int=0)

# What a row counts for in limits.
_COUNTED = "CASE WHEN custom_api_used THEN 0 ELSE coalesce(cost, %(unknown)s) END"
_UNPRICED = "(cost IS NULL AND NOT custom_api_used)::int"

_RESERVE = f"""
    WITH call AS (SELECT %(developer)s::uuid AS developer_id, {_NAMED_VALUES}, {TODAY} AS day),
    locked AS MATERIALIZED (
        SELECT t.id, t.limit_id, t.spent - t.forgiven AS spent, t.reserved,
               CASE WHEN t.limit_id IS NULL THEN %(free_amount)s ELSE l.amount END AS amount
        FROM call c JOIN spending_spendingtotal t ON {MATCHES} LEFT JOIN spending_spendinglimit l ON l.id = t.limit_id
        WHERE t.limit_id IS NOT NULL OR %(is_free)s
        ORDER BY t.id FOR UPDATE OF t),
    room AS (
        SELECT count(*) AS count, bool_and(spent < amount) AS is_momentary,
               array_agg(coalesce(limit_id, '{_FREE_TIER}')) FILTER (WHERE spent + reserved >= amount) AS taken
        FROM locked),
    charged AS (
        UPDATE spending_spendingtotal t SET reserved = t.reserved + %(reserved)s
        FROM locked, room WHERE t.id = locked.id AND room.taken IS NULL AND room.count >= %(expected)s),
    account AS (
        INSERT INTO agents_modelusage (id, created_at, developer_id, model, prompt_tokens, completion_tokens, cost,
                                       estimated, custom_api_used, metadata, state, reserved, folded, {_COLUMNS})
        SELECT %(id)s, date_trunc('milliseconds', now()), %(developer)s, %(model)s, 0, 0, NULL, false, false,
               %(metadata)s::jsonb, '{UsageState.RESERVED}', %(reserved)s, false, {_VALUES}
        FROM room WHERE room.taken IS NULL AND room.count >= %(expected)s)
    SELECT count, taken, is_momentary FROM room
"""

# What becomes of a call is its `account`, with what it counts for and what was set aside. A total that was made
# meanwhile has counted the row as it was before, under a lock that this waits for.
_CHARGE = f"""
    , due AS MATERIALIZED (
        SELECT t.id, sum(c.counted) AS counted, sum(c.held) AS held, sum(c.unpriced) AS unpriced
        FROM account c JOIN spending_spendingtotal t ON {MATCHES}
        WHERE c.counted <> 0 OR c.held <> 0 OR c.unpriced <> 0
        GROUP BY t.id
    ), locked AS MATERIALIZED (
        SELECT t.id FROM spending_spendingtotal t WHERE t.id IN (SELECT id FROM due) ORDER BY t.id FOR UPDATE OF t
    ), charged AS (
        UPDATE spending_spendingtotal t
        SET spent = t.spent + due.counted, reserved = t.reserved - due.held, unpriced = t.unpriced + due.unpriced
        FROM locked JOIN due ON due.id = locked.id WHERE t.id = locked.id
    )
    SELECT count(*) FROM account
"""
_RETURNING = f"developer_id, {_COLUMNS}, (created_at AT TIME ZONE 'UTC')::date AS day"

_SETTLE_NEW = f"""
    WITH account AS (
        INSERT INTO agents_modelusage (id, created_at, developer_id, model, prompt_tokens, completion_tokens, cost,
                                       estimated, custom_api_used, metadata, state, folded, {_COLUMNS})
        VALUES (%(id)s, date_trunc('milliseconds', now()), %(developer)s, %(model)s, %(prompt)s, %(completion)s,
                %(cost)s, %(estimated)s, %(callers)s, %(metadata)s::jsonb, '{UsageState.SETTLED}', false, {_VALUES})
        RETURNING {_RETURNING}, {_COUNTED} AS counted, 0 AS held, {_UNPRICED} AS unpriced
    ) {_CHARGE}
"""

_SETTLE_RESERVED = f"""
    WITH account AS (
        UPDATE agents_modelusage
        SET state = '{UsageState.SETTLED}', prompt_tokens = %(prompt)s, completion_tokens = %(completion)s,
            cost = %(cost)s, estimated = %(estimated)s
        WHERE id = %(id)s AND state = '{UsageState.RESERVED}'
        RETURNING {_RETURNING}, {_COUNTED} AS counted, reserved AS held, {_UNPRICED} AS unpriced
    ) {_CHARGE}
"""

_RELEASE = f"""
    WITH account AS (
        DELETE FROM agents_modelusage WHERE id = %(id)s AND state = '{UsageState.RESERVED}'
        RETURNING {_RETURNING}, 0 AS counted, reserved AS held, 0 AS unpriced
    ) {_CHARGE}
"""

_GIVE_UP = f"""
    WITH lost AS MATERIALIZED (
        SELECT id FROM agents_modelusage
        WHERE state = '{UsageState.RESERVED}' AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s::uuid[]))
          AND created_at <= now() - make_interval(secs => %(age)s)
        ORDER BY created_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), account AS (
        UPDATE agents_modelusage u SET state = '{UsageState.UNKNOWN}', estimated = true
        FROM lost WHERE u.id = lost.id
        RETURNING u.developer_id, {", ".join(f"u.{name}" for name in _TYPES)},
                  (u.created_at AT TIME ZONE 'UTC')::date AS day, %(unknown)s AS counted, u.reserved AS held,
                  1 AS unpriced
    ) {_CHARGE}
"""


def _row_parameters(call: Call) -> dict[str, Any]:
    # The developer's tags stand in the metadata, if there are any.
    tags = {"tags": list(call.developer.tags)} if call.developer.tags else {}
    return {
        "id": call.id,
        "developer": call.developer.pk,
        "model": call.model,
        "metadata": to_json_text({**tags, **call.metadata}),
        **{name: getattr(call.attribution, name) for name in DIMENSIONS},
        COUNTS_FOR: list(call.attribution.counts_for) or None,
    }


def _settled_parameters(call: Call, used: Used) -> dict[str, Any]:
    cost = used.cost
    is_possible = cost is not None and 0 <= cost < _MOST_DOLLARS
    return {
        **_row_parameters(call),
        "prompt": used.prompt_tokens,
        "completion": used.completion_tokens,
        "cost": cost.quantize(_PRECISION) if cost is not None and is_possible else None,
        "estimated": used.estimated,
        "callers": call.is_callers,
        "unknown": totals.unknown_price(),
    }
