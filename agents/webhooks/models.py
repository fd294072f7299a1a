"""Endpoints, what they are told, and how far each message has come on its way to each of them.

`DO_NOTHING` means that the database cascades by itself (migration `database_cascades`).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from agents.models import Developer
from agents.vault.models import LONGEST_FINGERPRINT, Overlapping
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager
from julep_project.core.work.rows import QueuedRow

LONGEST_TYPE = 64


class Endpoint(Resource, Overlapping):
    """An address that is told what happens.

    `sealed` is the secret its messages are signed with. `failures` counts attempts in a row that did not arrive, over
    all its messages.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    url = models.TextField()
    description = models.TextField(blank=True, default="")
    events = ArrayField(models.CharField(max_length=LONGEST_TYPE), help_text="types, or patterns such as execution.*")
    enabled = models.BooleanField(default=True, db_default=True)
    disabled_reason = models.TextField(blank=True, default="", db_default="")
    disabled_at = models.DateTimeField(null=True, editable=False)
    sealed = models.TextField()
    sealed_with = models.CharField(max_length=LONGEST_FINGERPRINT)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    failing_since = models.DateTimeField(null=True, editable=False)
    is_full = models.BooleanField(
        default=False, db_default=False, help_text="more messages of the developer wait than may: new ones are dropped"
    )
    created_by = models.TextField(blank=True, default="")

    objects = TenantManager()

    class Meta(Resource.Meta):
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="endpoint_of_developer"),
            # For whoever has something to tell, nearly always that there is nobody.
            models.Index(fields=["developer"], condition=Q(enabled=True), name="endpoint_enabled"),
            models.Index(fields=["sealed_with", "id"], name="endpoint_sealed_with"),
            # Of all developers, nearly always few.
            models.Index(fields=["id"], condition=Q(failures__gt=0) | Q(is_full=True), name="endpoint_in_trouble"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Message(models.Model):
    """One thing that has happened, as endpoints are told of it. Numbers say the order of those of one subject."""

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid7, editable=False, unique=True)
    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=LONGEST_TYPE)
    subject_id = models.UUIDField(help_text="the run, session, job, response, schedule or limit it is about")
    data = models.JSONField()
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = TenantManager()

    class Meta:
        ordering = ("-number",)
        indexes = [models.Index(fields=["developer", "created_at"], name="message_of_developer")]

    def __str__(self) -> str:
        return f"{self.type} {self.subject_id}"

    @property
    def reference(self) -> str:
        """Its id as receivers see it."""
        return f"msg_{self.id.hex}"


class DeliveryState(models.TextChoices):
    """Where a delivery stands. `WAITING` is behind an earlier message of the same subject; `DROPPED` was not sent, or
    not any more, for a reason that says nothing of the receiver's answer."""

    PENDING = "pending"
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


OPEN = (DeliveryState.PENDING.value, DeliveryState.WAITING.value)
NOT_ARRIVED = (DeliveryState.FAILED.value, DeliveryState.DROPPED.value)
ENDED = (DeliveryState.DELIVERED.value, DeliveryState.FAILED.value, DeliveryState.DROPPED.value)


class Delivery(QueuedRow):
    """A message on its way to one endpoint.

    `attempts` counts claims since the last answer, `tries` what was sent since `since`, and `log` tells of the last
    tries.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.DO_NOTHING, related_name="deliveries", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.DO_NOTHING, related_name="deliveries")
    subject_id = models.UUIDField()
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    since = models.DateTimeField(
        db_default=DatabaseNow(), editable=False, help_text="it is tried for so long from here"
    )
    status = models.PositiveSmallIntegerField(null=True, help_text="what the receiver answered last")
    error = models.TextField(blank=True, default="", db_default="")
    excerpt = models.TextField(blank=True, default="", db_default="", help_text="how the last answer began")
    log = models.JSONField(default=list, db_default=[])
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    objects = TenantManager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
        ]
        indexes = [
            models.Index(
                fields=["developer", "due_at"], condition=Q(state=DeliveryState.PENDING), name="delivery_of_tenant"
            ),
            models.Index(
                fields=["endpoint", "created_at", "message"],
                condition=Q(state__in=NOT_ARRIVED),
                name="delivery_not_arrived",
            ),
            models.Index(
                fields=["endpoint", "due_at", "message"], condition=Q(state=DeliveryState.PENDING), name="delivery_due"
            ),
            models.Index(
                fields=["endpoint", "lease_until"],
                condition=Q(state=DeliveryState.PENDING, lease_until__isnull=False),
                name="delivery_leased",
            ),
            models.Index(
                fields=["developer", "lease_until"],
                condition=Q(state=DeliveryState.PENDING, lease_until__isnull=False),
                name="delivery_at_work",
            ),
            models.Index(
                fields=["endpoint", "subject_id", "message"], condition=Q(state__in=OPEN), name="delivery_in_order"
            ),
            models.Index(fields=["endpoint", "-created_at", "-id"], name="delivery_of_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"
