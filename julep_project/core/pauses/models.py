"""Pauses that operators made, those that are over among them."""

from django.db import models
from django.db.models import Q

from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import Shared

LONGEST_KEY = 255
LONGEST_REASON = 500


class PauseScope(models.TextChoices):
    """What a pause is of."""

    INTAKE = "intake", "new work of everybody"
    TASK = "task", "runs of one task"
    QUEUE = "queue", "runs, as far as workers of one queue do them"
    MODEL = "model", "calls of one model"


class Pause(models.Model):
    """One pause. It counts until it is lifted, or `until` has come."""

    tenancy = Shared()

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=16, choices=PauseScope.choices)
    key = models.CharField(
        max_length=LONGEST_KEY, blank=True, help_text="the id of the task, or the name of the queue or model"
    )
    reason = models.CharField(max_length=LONGEST_REASON)
    until = models.DateTimeField(null=True, blank=True, help_text="empty: until it is lifted")
    made_by = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    lifted_by = models.CharField(max_length=255, blank=True, editable=False)
    lifted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(condition=Q(scope__in=PauseScope.values), name="pause_scope_known"),
            models.UniqueConstraint(
                fields=["scope", "key"], condition=Q(lifted_at__isnull=True), name="pause_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}".strip()
