"""What operators decided, where no row of a run says it.

`DO_NOTHING` means that the database cascades by itself (migration `marks`).
"""

from django.db import models
from django.db.models import Q

from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import TenantManager


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
