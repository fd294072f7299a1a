"""Writes of limits."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.spending import limits, totals
from agents.spending.models import LimitScope, SpendingLimit, SpendingTotal
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest, Forbidden
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import get_or_not_found

# Each call locks the totals of all limits it counts in.
MOST_LIMITS = 1000


def get_limit(developer: Developer, limit_id: UUID) -> SpendingLimit:
    """One limit.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    row: SpendingLimit = get_or_not_found(SpendingLimit.objects.for_developer(developer), limit_id, "Limit")
    return row


def create_limit(developer: Developer, values: Mapping[str, Any], *, is_fixed: bool = False) -> SpendingLimit:
    """Limit what calls may cost, those of the current period included.

    Raises:
        BadRequest: the scope has an id that it must not have, or none that it must have; or there are too many.
        IntegrityError: there is a limit of this scope and period.
    """
    if (values["scope"] == LimitScope.DEVELOPER) != (values.get("scope_id") is None):
        raise BadRequest("`scope_id` names what is limited; only limits of the developer have none")
    with transaction.atomic():
        if SpendingLimit.objects.for_developer(developer).count() >= MOST_LIMITS:
            raise BadRequest(f"A developer has at most {MOST_LIMITS} limits")
        row = SpendingLimit(id=uuid7(), developer=developer, is_fixed=is_fixed, **values)
        row.save(force_insert=True)
        _record(Verb.CREATE, row, after=_settings(row))
        transaction.on_commit(lambda: limits.forget(developer.pk))
    limits.forget(developer.pk)
    return get_limit(developer, row.pk)


def change_limit(developer: Developer, limit_id: UUID, values: Mapping[str, Any]) -> SpendingLimit:
    """Raise or lower a limit. What was spent stays.

    Raises:
        NotFound: as `get_limit`. Forbidden: staff has set it.
    """
    amount: Decimal | None = values.get("amount")
    with transaction.atomic():
        row = _own(developer, limit_id)
        if amount is not None:
            SpendingLimit.objects.filter(pk=limit_id).update(amount=amount, updated_at=DatabaseNow())
            _record(Verb.UPDATE, row, before=_settings(row), after={**_settings(row), "amount": str(amount)})
    return get_limit(developer, limit_id)


def reset_limit(developer: Developer, limit_id: UUID) -> SpendingLimit:
    """Forgive what was spent of a limit in its current period.

    Raises:
        NotFound: as `get_limit`. Forbidden: staff has set it.
    """
    with transaction.atomic():
        row = _own(developer, limit_id)
        forgive(developer, row)
    return get_limit(developer, limit_id)


def forgive(developer: Developer, row: SpendingLimit) -> None:
    """Let what was spent of the limit count for nothing any more. Call it in a transaction."""
    totals.ensure(developer.pk, [limits.countable(row)])
    SpendingTotal.objects.filter(limit=row).update(forgiven=F("spent"))
    _record(Verb.CLEAR, row)


def delete_limit(developer: Developer, limit_id: UUID) -> None:
    """Remove a limit.

    Raises:
        NotFound: as `get_limit`. Forbidden: staff has set it.
    """
    with transaction.atomic():
        row = _own(developer, limit_id)
        _record(Verb.DELETE, row, before=_settings(row))
        row.delete()
        transaction.on_commit(lambda: limits.forget(developer.pk))
    limits.forget(developer.pk)


def _settings(row: SpendingLimit) -> dict[str, str]:
    """What the audit log keeps of a limit."""
    told = {"scope": row.scope, "scope_id": row.scope_id or "", "period": row.period, "amount": row.amount}
    return {name: str(value) for name, value in told.items()}


def _record(verb: Verb, row: SpendingLimit, **settings: Mapping[str, str]) -> None:
    record(row.developer_id, Act(verb, ObjectKind.LIMIT, row.pk, f"{row.scope} {row.period}", **settings))


def _own(developer: Developer, limit_id: UUID) -> SpendingLimit:
    """The limit, locked, if it is the developer's to change."""
    rows = SpendingLimit.objects.for_developer(developer).select_for_update()
    row: SpendingLimit = get_or_not_found(rows, limit_id, "Limit")
    if row.is_fixed:
        raise Forbidden("This limit was set by the operator of the server")
    return row
