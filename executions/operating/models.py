"""What operators decided, where no row of a run says it.

`DO_NOTHING` means that the database cascades by itself (migration `marks`).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import Shared, TenantManager


class FaultState(models.TextChoices):
    """What was decided about a fault."""

    IGNORED = "ignored"
    RESOLVED = "resolved"


class FaultMark(models.Model):
    """What operators decided about a fault of a task. How long that counts is said by `faults.standing`.

    `version` is the newest version of the task when it was decided.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    developer = models.ForeignKey("agents.Developer", on_delete=models.DO_NOTHING, related_name="+")
    task = models.ForeignKey("tasks.Task", on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    fault = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=FaultState.choices)
    until = models.DateTimeField(null=True)
    version = models.PositiveIntegerField()
    made_by = models.CharField(max_length=255, blank=True)
    made_at = models.DateTimeField(db_default=DatabaseNow())

    objects = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "fault"], name="fault_mark_once"),
            models.CheckConstraint(condition=Q(state__in=FaultState.values), name="fault_state_known"),
            models.CheckConstraint(
                condition=Q(state=FaultState.RESOLVED) | Q(until__isnull=False), name="fault_ignored_until"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fault} {self.state}"


class Worker(models.Model):
    """A process that takes messages, as it tells of itself every so often while it is there."""

    tenancy = Shared()

    id = models.UUIDField(primary_key=True, editable=False, help_text="another one after each start")
    name = models.CharField(max_length=255)
    queues = ArrayField(models.CharField(max_length=64))
    release = models.CharField(max_length=64)
    pid = models.PositiveIntegerField()
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    draining_since = models.DateTimeField(null=True)
    drain_asked_at = models.DateTimeField(null=True)
    drain_asked_by = models.CharField(max_length=255, blank=True, db_default="")

    def __str__(self) -> str:
        return self.name
