"""Events. What waits for them is `executions.models.EventWait`."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import TenantManager
from julep_project.core.work.rows import QueuedRow
from tasks.steps.event_names import LONGEST_EVENT_KEY, LONGEST_EVENT_NAME


class EventState(models.TextChoices):
    """Whether the waits that stood there when it was recorded have been looked at."""

    PENDING = "pending"
    HANDED_OUT = "handed_out"
    FAILED = "failed"


class EventSource(models.TextChoices):
    """Who recorded it."""

    CLIENT = "client"
    HOOK = "hook"
    STEP = "step"
    SESSION = "session"


class Event(QueuedRow):
    """A named fact with data. It is kept for a period, and ends waits that began before it as well as later ones.

    A key is recorded once for each developer and name. `after` is the last of the waits that had their turn already.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    developer = models.ForeignKey("agents.Developer", on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    name = models.CharField(max_length=LONGEST_EVENT_NAME)
    key = models.CharField(max_length=LONGEST_EVENT_KEY, null=True)
    data = models.JSONField(default=dict)
    source = models.CharField(max_length=8, choices=EventSource.choices)
    source_id = models.CharField(max_length=64, blank=True, help_text="the API key, the hook, the run or the session")
    state = models.CharField(
        max_length=12, choices=EventState.choices, default=EventState.PENDING, db_default=EventState.PENDING
    )
    after = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    kept_until = models.DateTimeField()

    objects = TenantManager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["developer", "name", "key"], name="event_key_unique"),
            models.CheckConstraint(condition=models.Q(state__in=EventState.values), name="event_state_known"),
        ]
        indexes = [
            models.Index(fields=["developer", "name", "created_at", "id"], name="event_of_name"),
            models.Index(fields=["developer", "-created_at", "-id"], name="event_of_developer"),
            models.Index(fields=["developer", "due_at"], name="event_to_hand_out", condition=models.Q(state="pending")),
            models.Index(fields=["kept_until"], name="event_kept_until"),
            GinIndex(fields=["data"], name="event_data", opclasses=["jsonb_path_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key or self.pk}"
