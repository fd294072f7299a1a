"""Acts on many runs, and what became of each."""

from typing import Any

from django.db import models
from django.db.models import Q

from agents.models import Developer
from julep_project.core.clock import DatabaseNow
from julep_project.core.jobs.rows import OPEN, JobRow, JobState
from julep_project.core.tenancy import TenantManager, Through


class BulkVerb(models.TextChoices):
    """What is done to each run."""

    CANCEL = "cancel"
    RETRY = "retry"
    RESUME = "resume"
    DELETE = "delete"


class Outcome(models.TextChoices):
    """What became of a run. One that is `skipped` was not to be acted on any more."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class BulkAction(JobRow):
    """One act on the runs that meet `filter` and were started before it was made, the oldest first.

    `place` is how far it is: the time and id of the last run. Who asked for it acts.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    action = models.CharField(max_length=16, choices=BulkVerb.choices)
    filter = models.JSONField(help_text="which runs, in the words of the list of runs")
    options = models.JSONField(default=dict, help_text="how each is done")
    why = models.TextField(blank=True)
    matched = models.PositiveIntegerField(help_text="runs that met the filter when it was made, as far as counted")
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    place = models.CharField(max_length=128, blank=True)
    actor = models.JSONField(default=dict)
    key_id = models.UUIDField(null=True, help_text="the API key it was made with: runs that it starts count for that")

    objects = TenantManager()

    class Meta(JobRow.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="bulk_state_known"),
            models.CheckConstraint(condition=Q(action__in=BulkVerb.values), name="bulk_action_known"),
        ]
        indexes = [
            models.Index(fields=["developer", "due_at"], condition=Q(state__in=OPEN), name="bulk_of_tenant"),
            models.Index(fields=["developer", "-created_at"], name="bulk_of_developer"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.state}"

    def details(self) -> dict[str, Any]:
        """How many runs it met, and what became of those that it has come to."""
        return {name: getattr(self, name) for name in ("action", "matched", "done", "skipped", "failed")}


class BulkItem(models.Model):
    """A run that was acted on, written together with that. `result` is the run that a retry began."""

    tenancy = Through("bulk_id", "bulk.BulkAction")

    bulk = models.ForeignKey(BulkAction, on_delete=models.CASCADE, related_name="items", db_index=False)
    execution_id = models.UUIDField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    error = models.CharField(max_length=500, blank=True)
    result = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bulk", "execution_id"], name="bulk_item_once"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="bulk_outcome_known"),
        ]
        indexes = [models.Index(fields=["bulk", "-id"], condition=Q(outcome="failed"), name="bulk_item_failed")]

    def __str__(self) -> str:
        return f"{self.execution_id} {self.outcome}"
