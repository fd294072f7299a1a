"""What a developer's model calls of this month cost, for the check of who pays nothing."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth

from agents.models import ModelUsage
from julep_project.core.clock import DatabaseNow
from julep_project.core.tenancy import tenant_scope

# US dollars; None when it is not known.
Cost = Decimal | None


def cost_of_usage(developer_id: UUID) -> Cost:
    """The sum over the month, by the database's calendar in UTC. Calls with the caller's own key cost nothing here."""
    month = ModelUsage.objects.filter(
        developer_id=developer_id, created_at__gte=TruncMonth(DatabaseNow()), custom_api_used=False
    )
    with tenant_scope(developer_id):
        found = month.aggregate(sum=Sum("cost"), calls=Count("pk"))
    return Decimal(0) if not found["calls"] else found["sum"]


class MonthlyCost:
    """Who says what the month cost: usage itself, until somebody who keeps a ledger takes over."""

    def __init__(self) -> None:
        self._ask: Callable[[UUID], Cost] = cost_of_usage

    def ask(self, told_by: Callable[[UUID], Cost]) -> None:
        """Ask this function from now on. It runs before the request, so it has to be quick."""
        self._ask = told_by

    def __call__(self, developer_id: UUID) -> Cost:
        return self._ask(developer_id)


monthly_cost = MonthlyCost()
