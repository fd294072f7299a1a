"""How long one developer's rows are kept, and jobs that erase a user."""

from typing import Any

from django.db import models
from django.db.models import Q

from agents.models import Developer
from julep_project.core.jobs.rows import OPEN, JobRow, JobState
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager

# Longer than any law asks for.
MOST_DAYS = 36_500


class RetentionPeriod(Resource):
    """The days that rows of one kind are kept, in the place of the server's default; null: for ever."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=32)
    days = models.PositiveIntegerField(null=True)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(fields=["developer", "kind"], name="retention_period_unique"),
            models.CheckConstraint(
                condition=Q(days__isnull=True) | Q(days__gte=1, days__lte=MOST_DAYS), name="retention_days_possible"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {'for ever' if self.days is None else f'{self.days} days'}"


class Erasure(JobRow):
    """Removes all there is of a user. It outlives the user, and tells how much that was."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    user_id = models.UUIDField()
    report = models.JSONField(default=dict, help_text="rows that were removed, by their kind")

    objects = TenantManager()

    class Meta(JobRow.Meta):
        constraints = [models.CheckConstraint(condition=Q(state__in=JobState.values), name="erasure_state_known")]
        indexes = [
            models.Index(fields=["developer", "due_at"], condition=Q(state__in=OPEN), name="erasure_of_tenant"),
            models.Index(fields=["developer", "-created_at"], name="erasure_of_developer"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.state}"

    def details(self) -> dict[str, Any]:
        """Who it is about, and what was removed so far."""
        return {"user_id": str(self.user_id), "report": self.report}
