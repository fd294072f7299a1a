"""Accounts of calls: reserved before, settled after, and always what limits and totals say."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from agents.models import Developer, ModelUsage, UsageState
from agents.spending import folding, ledger, limits, totals
from agents.spending.attribution import Attribution
from agents.spending.ledger import Call, Used
from agents.spending.models import LimitPeriod, LimitScope, SpendingLimit, SpendingTotal, TaskUsageDay, UsageDay
from julep_project.core.database import execute
from julep_project.core.errors import CostLimitExceeded

CENT = Decimal("0.01")


def make_call(developer: Developer, *, is_callers: bool = False, **ids: UUID) -> Call:
    return Call(developer, "some-model", Attribution(**ids), is_callers)


def limit(
    developer: Developer, amount: str, scope: str = "developer", scope_id: UUID | None = None, **options: Any
) -> Any:
    values = {"period": LimitPeriod.TOTAL, **options}
    row = SpendingLimit.objects.create(
        developer=developer, scope=scope, scope_id=scope_id, amount=Decimal(amount), **values
    )
    limits.forget()
    return row


def total(row: SpendingLimit) -> SpendingTotal:
    return SpendingTotal.objects.get(limit=row)


def spend(call: Call, cost: str | None, *, reserved: str = "0.02") -> None:
    reservation = ledger.reserve(call, lambda: Decimal(reserved))
    ledger.settle(reservation, Used(10, 5, None if cost is None else Decimal(cost)))


def test_a_call_is_one_row_and_one_statement_where_no_limit_applies(developer: Developer) -> None:
    spend(make_call(developer), "0.1")
    limit(developer, "1", LimitScope.SESSION, uuid4())
    spend(make_call(developer), "0.1")
    with CaptureQueriesContext(connection) as queries:
        spend(make_call(developer), "0.1")
    assert len(queries) == 1
    assert ModelUsage.objects.filter(state=UsageState.SETTLED, reserved=None).count() == 3


def test_what_is_set_aside_is_taken_back_by_what_was_used(developer: Developer) -> None:
    row = limit(developer, "1")
    reservation = ledger.reserve(make_call(developer), lambda: CENT)
    assert (total(row).spent, total(row).reserved) == (0, CENT)
    assert ModelUsage.objects.get().state == UsageState.RESERVED
    with CaptureQueriesContext(connection) as queries:
        ledger.settle(reservation, Used(10, 5, Decimal("0.003")))
    assert len(queries) == 1
    assert (total(row).spent, total(row).reserved) == (Decimal("0.003"), 0)
    failed = ledger.reserve(make_call(developer), lambda: CENT)
    ledger.release(failed)
    assert (total(row).spent, total(row).reserved) == (Decimal("0.003"), 0)
    assert ModelUsage.objects.get().state == UsageState.SETTLED


def test_a_call_that_costs_nothing_is_always_allowed(developer: Developer) -> None:
    limit(developer, "0")
    spend(make_call(developer), "0", reserved="0")
    with pytest.raises(CostLimitExceeded):
        spend(make_call(developer), "0", reserved="0.001")


def test_the_callers_own_key_counts_toward_nothing(developer: Developer) -> None:
    row = limit(developer, "0.01")
    spend(make_call(developer, is_callers=True), "5")
    spend(make_call(developer, is_callers=True), None)
    spend(make_call(developer), "0.004")
    assert (total(row).spent, total(row).unpriced) == (Decimal("0.004"), 0)
    totals.recount(total(row).pk)
    assert (total(row).spent, total(row).unpriced) == (Decimal("0.004"), 0)


@pytest.mark.parametrize(("price", "counted"), [(Decimal("0.3"), Decimal("0.3")), (None, Decimal(0))])
def test_an_unknown_price_counts_as_configured(
    developer: Developer, settings: Any, price: Decimal | None, counted: Decimal
) -> None:
    settings.UNKNOWN_PRICE_USD = price
    row = limit(developer, "1")
    spend(make_call(developer), None)
    assert ModelUsage.objects.get().cost is None
    assert (total(row).spent, total(row).unpriced) == (counted, 1)


@pytest.mark.parametrize("scope", [scope for scope in LimitScope if scope != LimitScope.DEVELOPER])
def test_a_limit_is_of_its_scope_alone(developer: Developer, scope: LimitScope) -> None:
    ours, other = uuid4(), uuid4()
    column = {"api_key": "key_id"}.get(scope.value, f"{scope.value}_id")
    row = limit(developer, "0.1", scope, ours)
    spend(make_call(developer, **{column: other}), "5")
    spend(make_call(developer), "5")
    spend(make_call(developer, **{column: ours}), "0.1")
    assert total(row).spent == Decimal("0.1")
    with pytest.raises(CostLimitExceeded) as refused:
        spend(make_call(developer, **{column: ours}), "0.1")
    assert refused.value.limits == (row.pk,)
    assert not refused.value.is_momentary


def test_a_new_limit_knows_what_was_spent_before_it(developer: Developer) -> None:
    for cost in ("0.25", "0.5", None):
        spend(make_call(developer), cost)
    folding.fold()
    spend(make_call(developer), "1")
    row = limit(developer, "1.5", period=LimitPeriod.MONTH)
    with pytest.raises(CostLimitExceeded) as refused:
        spend(make_call(developer), "1")
    [told] = refused.value.extra["limits"]
    assert (told["spent"], told["left"], told["period"]) == (1.76, 0, "month")
    assert told["resets_at"].endswith("-01T00:00:00.000Z")
    assert total(row).unpriced == 1


def test_a_lost_call_is_settled_as_unknown(developer: Developer, settings: Any) -> None:
    row = limit(developer, "1")
    lost = ledger.reserve(make_call(developer), lambda: Decimal("0.5"))
    ledger.reserve(make_call(developer), lambda: Decimal("0.25"))
    execute("UPDATE agents_modelusage SET created_at = now() - interval '2 hours' WHERE id = %s", [lost.call.id])
    assert ledger.give_up_abandoned() == 1
    assert ModelUsage.objects.get(pk=lost.call.id).state == UsageState.UNKNOWN
    assert (total(row).spent, total(row).reserved, total(row).unpriced) == (CENT, Decimal("0.25"), 1)
    assert ledger.give_up_abandoned() == 0
    # Should it come to an end after all, what it cost is not lost.
    ledger.settle(lost, Used(1, 1, Decimal("0.1")))
    assert total(row).spent == CENT + Decimal("0.1")
    assert ModelUsage.objects.filter(cost=Decimal("0.1"), state=UsageState.SETTLED).count() == 1


def test_periods_end(developer: Developer) -> None:
    row = limit(developer, "0.1", period=LimitPeriod.DAY)
    spend(make_call(developer), "0.1")
    with pytest.raises(CostLimitExceeded):
        spend(make_call(developer), "0.1")
    execute("UPDATE agents_modelusage SET created_at = created_at - interval '1 day'")
    execute("UPDATE spending_spendingtotal SET starts_on = starts_on - 1, ends_on = ends_on - 1")
    spend(make_call(developer), "0.1")
    assert sorted(SpendingTotal.objects.filter(limit=row).values_list("spent", flat=True)) == [Decimal("0.1")] * 2


def test_a_call_is_allowed_as_long_as_the_database_knows_no_limit(developer: Developer) -> None:
    row = limit(developer, "0.1")
    spend(make_call(developer), "0.1")
    row.delete()
    spend(make_call(developer), "0.1")
    assert SpendingTotal.objects.count() == 0


@pytest.mark.parametrize("seed", range(3))
def test_accounts_days_and_totals_are_the_same_sums(developer: Developer, settings: Any, seed: int) -> None:
    random, keys = Random(seed), [uuid4() for _ in range(3)]
    rows = [limit(developer, "1000"), limit(developer, "1000", "session", keys[0], period=LimitPeriod.MONTH)]
    limits.states(developer, rows)
    expected = dict.fromkeys(rows, Decimal(0))
    held = dict.fromkeys(rows, Decimal(0))
    for _ in range(60):
        session, is_callers = random.choice(keys), random.random() < 0.2
        cost = random.choice([None, Decimal(random.randrange(10**6)) / 10**6])
        counts = [rows[0], rows[1]] if session == keys[0] else [rows[0]]
        reservation = ledger.reserve(make_call(developer, session_id=session, is_callers=is_callers), lambda: CENT)
        for row in counts if not is_callers else ():
            held[row] += CENT
        match random.choice(["settle", "settle", "release", "leave", "fold", "recount"]):
            case "release":
                ledger.release(reservation)
            case "leave":
                continue
            case what:
                ledger.settle(reservation, Used(1, 1, cost))
                for row in counts if not is_callers else ():
                    expected[row] += settings.UNKNOWN_PRICE_USD if cost is None else cost
                if what == "fold":
                    folding.fold()
                elif what == "recount":
                    totals.recount(total(random.choice(rows)).pk)
        for row in counts if not is_callers else ():
            held[row] -= CENT
    for row in rows:
        for _ in range(2):
            assert (total(row).spent, total(row).reserved) == (expected[row], held[row])
            totals.recount(total(row).pk)
    days = UsageDay.objects.filter(custom_api_used=False).values_list("cost", "unpriced")
    open_ = ModelUsage.objects.filter(folded=False, custom_api_used=False, state=UsageState.SETTLED)
    in_days = sum((cost + unpriced * settings.UNKNOWN_PRICE_USD for cost, unpriced in days), Decimal(0))
    assert in_days + sum((one.cost if one.cost is not None else CENT for one in open_), Decimal(0)) == expected[rows[0]]
    assert by_task(TaskUsageDay) == by_task(UsageDay) != []
    UsageDay.objects.filter(pk=UsageDay.objects.values("pk")[:1]).delete()
    assert by_task(TaskUsageDay) == by_task(UsageDay)
    developer.delete()
    assert not TaskUsageDay.objects.exists()


def test_one_process_folds_at_a_time(developer: Developer) -> None:
    ledger.settle(ledger.reserve(make_call(developer), lambda: CENT), Used(1, 1, CENT))
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [folding._LOCK])
        assert folding.fold() == 0
    assert folding.fold() == 1


def by_task(days: type[UsageDay | TaskUsageDay]) -> list[Any]:
    key = ["day", "model", "custom_api_used", "project_id", "agent_id", "task_id"]
    sums = [Sum(name) for name in ("calls", "unpriced", "prompt_tokens", "completion_tokens", "cost")]
    return list(days._base_manager.values_list(*key).annotate(*sums).filter(calls__sum__gt=0).order_by(*key))


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    def one(_: int) -> Any:
        try:
            return work()
        except CostLimitExceeded as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.django_db(transaction=True)
def test_fifty_calls_at_once_overshoot_by_one_at_most() -> None:
    developer = Developer.objects.create(email="busy@example.com", tags=["paid"])
    rows = [limit(developer, "0.105"), limit(developer, "0.2", period=LimitPeriod.DAY)]

    def work() -> str:
        reservation = ledger.reserve(make_call(developer), lambda: CENT)
        ledger.settle(reservation, Used(1, 1, CENT))
        return "made"

    came = at_once(50, work)
    made = came.count("made")
    assert all(isinstance(one, CostLimitExceeded) for one in came if one != "made")
    # Those that met what others had set aside may have gone away with room left; one by one it is used up.
    for _ in range(11 - made):
        work()
    with pytest.raises(CostLimitExceeded):
        work()
    for row in rows:
        assert (total(row).spent, total(row).reserved) == (Decimal("0.11"), 0)
    assert ModelUsage.objects.count() == 11
