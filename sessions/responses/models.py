"""Answers of `/responses`."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Cast

from agents.models import Developer
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import TenantManager, Through
from julep_project.core.work.rows import QueuedRow


class ResponseStatus(models.TextChoices):
    """Where a response stands, in the words of the API."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


def _text_bytes(column: str) -> Func:
    text = Cast(column, models.TextField())
    return Func(text, function="octet_length", output_field=models.BigIntegerField())


class StoredResponse(QueuedRow):
    """One answer of `/responses` with what was asked. Deleting hides it; later answers that follow it keep working."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    previous = models.ForeignKey("self", null=True, on_delete=models.DO_NOTHING, related_name="+")
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    status = models.CharField(max_length=16, choices=ResponseStatus.choices)
    body = models.JSONField(help_text="the response object, with what is needed to tell its events again")
    input_items = models.JSONField(default=list, help_text="each with its id")
    include = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    deleted_at = models.DateTimeField(null=True)
    size_bytes = models.GeneratedField(
        expression=_text_bytes("body") + _text_bytes("input_items"),
        output_field=models.BigIntegerField(),
        db_persist=True,
        help_text="of body and input_items as text, which is what reading them costs",
    )

    objects = TenantManager()

    class Meta:
        db_table = "chat_sessions_storedresponse"
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["developer", "-created_at"], name="response_of_developer"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="response_deleted"),
            models.Index(
                fields=["developer", "due_at"], condition=Q(status__in=("queued", "in_progress")), name="response_open"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=ResponseStatus.values), name="response_status_known")
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.status}"


class Conversation(models.Model):
    """A thread of items that responses continue and add to, without naming each other."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    changed_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    metadata = models.JSONField(default=dict, blank=True)
    users = ArrayField(
        models.TextField(), default=list, blank=True, help_text="whom responses in it were made for, by their ids"
    )
    item_count = models.PositiveBigIntegerField(default=0, help_text="items ever added; numbers the next one")

    objects = TenantManager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["developer", "changed_at"], name="conversation_of_developer")]

    def __str__(self) -> str:
        return str(self.pk)


class ConversationItem(models.Model):
    """One item, never changed. Positions say the order in which items were added, which is decided under the row lock
    of the conversation."""

    tenancy = Through("conversation_id", "responses.Conversation")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="items")
    position = models.PositiveBigIntegerField()
    item_id = models.CharField(max_length=256)
    item = models.JSONField()
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    size_bytes = models.GeneratedField(
        expression=_text_bytes("item"),
        output_field=models.BigIntegerField(),
        db_persist=True,
        help_text="of the item as text, which is what reading it costs",
    )

    class Meta:
        ordering = ("position",)
        constraints = [
            models.UniqueConstraint(fields=["conversation", "position"], name="conversation_item_position"),
            models.UniqueConstraint(fields=["conversation", "item_id"], name="conversation_item_once"),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.position}"
