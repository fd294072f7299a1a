"""Bodies of limits, and what is answered of limits and usage."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from agents.spending.limits import LimitState, state_to_wire
from agents.spending.models import LimitPeriod, LimitScope
from agents.spending.usage import GROUPS
from julep_project.core.clock import to_wire
from julep_project.core.reading.fields import Answer, Example, Number, StrictBody, Text, Timestamp, example_id

_MOST_DOLLARS = 10**8
_PRECISION = Decimal("1e-9")


class Dollars(Number):
    """An amount of US dollars."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=_MOST_DOLLARS, **options)

    def to_internal_value(self, data: Any) -> Any:
        number = super().to_internal_value(data)
        if number > _MOST_DOLLARS:
            self.fail("max_value", max_value=_MOST_DOLLARS)
        return Decimal(repr(number)).quantize(_PRECISION)


class LimitBody(StrictBody):
    """A new limit."""

    example = Example(scope="agent", scope_id=example_id("agent"), period="month", amount=20)

    scope = serializers.ChoiceField(choices=LimitScope.choices)
    scope_id = serializers.UUIDField(required=False, help_text="what is limited; none for the developer")
    period = serializers.ChoiceField(choices=LimitPeriod.choices, help_text="days and months are those of UTC")
    amount = Dollars(help_text="US dollars")


class LimitChanges(StrictBody):
    """What may be changed of a limit."""

    example = Example(amount=50)

    amount = Dollars(help_text="US dollars")


class LimitAnswer(Answer, LimitBody):
    """A limit in force. That of the free tier has no id."""

    nullable = frozenset({"scope_id"})

    id = serializers.UUIDField(allow_null=True)
    created_at = Timestamp(allow_null=True)
    updated_at = Timestamp(allow_null=True)
    is_fixed = serializers.BooleanField(help_text="set by the operator of the server")
    spent = Number()
    reserved = Number(help_text="set aside for calls under way")
    left = Number()
    resets_at = Timestamp(allow_null=True)


class UsageRow(Answer):
    """One group of usage; it has the columns it was grouped by, too."""

    sometimes = frozenset(GROUPS.values())

    calls = serializers.IntegerField()
    unpriced_calls = serializers.IntegerField(help_text="calls whose price is not known")
    own_key_calls = serializers.IntegerField(help_text="calls that the caller's own key paid for")
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    cost = Number(allow_null=True, help_text="US dollars, without calls of the caller's own key")

    def get_fields(self) -> dict[str, Any]:
        """With those columns."""
        return {column: Text(allow_null=True, required=False) for column in GROUPS.values()} | super().get_fields()


class UsageAnswer(Answer):
    """Usage as it is answered."""

    items = UsageRow(many=True)
    total = UsageRow()
    start = Text()
    end = Text()


def limit_to_wire(state: LimitState) -> dict[str, Any]:
    """A limit as it stands."""
    row = state.row
    own = {
        "id": None if row is None else str(row.pk),
        "created_at": None if row is None else to_wire(row.created_at),
        "updated_at": None if row is None else to_wire(row.updated_at),
        "is_fixed": row is None or row.is_fixed,
    }
    return {**own, **state_to_wire(state)}
