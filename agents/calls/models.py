"""Records of calls, and the texts they have in common.

`DO_NOTHING` means that the database cascades by itself (migration `calls`).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from julep_project.core.ids import uuid7
from julep_project.core.tenancy import TenantManager


class CallKind(models.TextChoices):
    """What was called."""

    MODEL = "model"
    EMBEDDING = "embedding"
    TOOL = "tool"


class CallStatus(models.TextChoices):
    """How an attempt ended."""

    OK = "ok"
    FAILED = "failed"


class Call(models.Model):
    """One attempt of a call. It is written a moment after it ended, and lost if the process is lost before.

    Whom it was for is said by ids without constraints, and `usage_id` is that of its account: the record goes earlier
    than those do, or later. `request` and `response` are JSON texts. What a model was told is a list of `CallText`:
    `pieces` are texts that each list the ids of the next few messages, `rest` are the ids of the last ones; so calls
    of one conversation share all but its end. `tools` is the text of the tools that were offered. `context` says
    what the messages are made of, and what was left out of them, if whoever put them together told so.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    developer = models.ForeignKey("agents.Developer", on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=CallKind.choices)
    name = models.CharField(max_length=255, help_text="of the model or the tool")
    status = models.CharField(max_length=8, choices=CallStatus.choices)
    key = models.CharField(max_length=128, null=True, help_text="the same for all attempts of one effect")
    attempt = models.PositiveIntegerField(default=1)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    request = models.TextField(help_text="settings of a model, arguments of a tool; JSON")
    response = models.TextField(null=True, help_text="JSON")
    error_type = models.CharField(max_length=120, null=True)
    error = models.TextField(null=True)
    pieces = ArrayField(models.UUIDField(), default=list)
    rest = ArrayField(models.UUIDField(), default=list)
    tools = models.UUIDField(null=True)
    context = models.TextField(null=True, help_text="JSON")
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    usage_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)
    task_id = models.UUIDField(null=True)
    session_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    response_id = models.UUIDField(null=True)

    objects = TenantManager()

    class Meta:
        ordering = ("-started_at", "-id")
        indexes = [
            models.Index(fields=["developer", "-started_at"], name="call_of_developer"),
            models.Index(
                fields=["execution_id", "started_at"], name="call_of_execution", condition=Q(execution_id__isnull=False)
            ),
            models.Index(
                fields=["session_id", "started_at"], name="call_of_session", condition=Q(session_id__isnull=False)
            ),
            models.Index(
                fields=["response_id", "started_at"], name="call_of_response", condition=Q(response_id__isnull=False)
            ),
            # The newest of all are found by their ids.
            models.Index(fields=["-id"], name="call_failed", condition=Q(status=CallStatus.FAILED)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.status}"


class CallText(models.Model):
    """A text that calls of one developer refer to, stored once. Its id is made of its content (`texts.address_of`).

    It stays for as long as a call may need it that was made on the day it was last used.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    developer = models.ForeignKey("agents.Developer", on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    content = models.BinaryField()
    size = models.PositiveIntegerField(help_text="bytes of the text")
    is_packed = models.BooleanField(help_text="the content is compressed")
    last_used = models.DateField(help_text="of UTC")

    objects = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["developer", "last_used"], name="call_text_of_developer")]

    def __str__(self) -> str:
        return f"{self.id} {self.size}"
