"""Limits on what may be spent, how much of each is used, and what was used by day. Single calls are in `ModelUsage`."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from agents.models import Developer
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager


class LimitScope(models.TextChoices):
    """Of which calls a limit is."""

    DEVELOPER = "developer", "all calls of the developer"
    PROJECT = "project"
    AGENT = "agent"
    API_KEY = "api_key"
    SESSION = "session"
    EXECUTION = "execution"


class LimitPeriod(models.TextChoices):
    """How long what was spent counts. Days and months are those of UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total", "for good"


def _money(**options: Any) -> Any:
    return models.DecimalField(max_digits=18, decimal_places=9, **options)


class SpendingLimit(Resource):
    """How much calls of one scope may cost in a period. `scope_id` is null for those of the whole developer."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=16, choices=LimitScope.choices)
    scope_id = models.UUIDField(null=True, blank=True)
    period = models.CharField(max_length=8, choices=LimitPeriod.choices)
    amount = _money(help_text="US dollars")
    is_fixed = models.BooleanField(default=False, help_text="set by staff: the developer's own keys cannot change it")

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["developer", "scope", "scope_id", "period"],
                name="limit_unique",
                nulls_distinct=False,
                violation_error_message="A limit for this scope and period already exists",
            ),
            models.CheckConstraint(
                condition=Q(scope=LimitScope.DEVELOPER, scope_id__isnull=True)
                | (~Q(scope=LimitScope.DEVELOPER) & Q(scope_id__isnull=False)),
                name="limit_scope_has_id",
            ),
            models.CheckConstraint(condition=Q(scope__in=LimitScope.values), name="limit_scope_known"),
            models.CheckConstraint(condition=Q(period__in=LimitPeriod.values), name="limit_period_known"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="limit_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} per {self.period} of {self.scope} {self.scope_id or ''}".rstrip()


class SpendingTotal(models.Model):
    """What calls of one limit have cost in one of its periods. Without a limit it is that of the free tier.

    `spent` is the sum of the accounts of the period's calls, `reserved` of what is set aside for calls under way. A
    reset forgives what was spent until then.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    limit = models.ForeignKey(SpendingLimit, null=True, on_delete=models.CASCADE, related_name="totals")
    scope = models.CharField(max_length=16, choices=LimitScope.choices)
    scope_id = models.UUIDField(null=True)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, help_text="the first day that is not in it")
    spent = _money(default=0)
    reserved = _money(default=0)
    forgiven = _money(default=0)
    unpriced = models.PositiveBigIntegerField(default=0, help_text="calls whose price is not known")
    counted_at = models.DateTimeField(null=True, help_text="when it was last compared with the accounts")

    objects = TenantManager()

    class Meta:
        ordering = ("-starts_on", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["developer", "limit", "starts_on"], name="total_unique", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.spent} since {self.starts_on}"


class _DaySum(models.Model):
    """What calls of one day used that were for the same."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField(help_text="of UTC")
    model = models.CharField(max_length=255)
    custom_api_used = models.BooleanField()
    project_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)
    task_id = models.UUIDField(null=True)
    cost = _money(help_text="US dollars")

    objects = TenantManager()

    class Meta:
        abstract = True
        ordering = ("-day", "id")

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.cost}"


class UsageDay(_DaySum):
    """What the calls of one day used that were for the same: the sum of `ModelUsage` rows that are `folded`.

    It stays when those rows are removed.
    """

    session_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    counts_for = ArrayField(
        models.UUIDField(), null=True, help_text="runs and sessions whose calls led to the run: it counts for them, too"
    )
    calls = models.PositiveBigIntegerField()
    unpriced = models.PositiveBigIntegerField(help_text="calls whose price is not known")
    prompt_tokens = models.PositiveBigIntegerField()
    completion_tokens = models.PositiveBigIntegerField()

    class Meta(_DaySum.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "developer", "day", "model", "custom_api_used", "project_id", "agent_id", "task_id", "session_id",
                    "execution_id", "key_id",
                ],
                name="usage_day_unique",
                nulls_distinct=False,
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["session_id"], name="usage_of_session", condition=Q(session_id__isnull=False)),
            models.Index(fields=["execution_id"], name="usage_of_execution", condition=Q(execution_id__isnull=False)),
            GinIndex(fields=["counts_for"], name="usage_of_callers", condition=Q(counts_for__isnull=False)),
        ]


class TaskUsageDay(_DaySum):
    """What the calls of one day used for the same task and agent with the same model: usage days added up.

    There may be as many of those as runs. The database keeps these in step with them, whoever writes them.
    """

    # Sums of rows that go are taken off: none of these may be refused for being negative on its way.
    calls = models.BigIntegerField()
    unpriced = models.BigIntegerField(help_text="calls whose price is not known")
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()

    class Meta(_DaySum.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["developer", "day", "model", "custom_api_used", "project_id", "agent_id", "task_id"],
                name="task_usage_day_unique",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["day"], name="task_usage_of_day")]
