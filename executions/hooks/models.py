"""Hooks, and the calls they received.

`DO_NOTHING` means that the database cascades by itself.
"""

from django.db import models

from agents.vault.models import Overlapping
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.models import Resource
from julep_project.core.tenancy import TenantManager
from tasks.models import Task


class Scheme(models.TextChoices):
    """How calls are signed."""

    STANDARD = "standard", "Standard Webhooks"
    GITHUB = "github", "GitHub"
    SLACK = "slack", "Slack"
    STRIPE = "stripe", "Stripe"
    HMAC = "hmac", "an HMAC of the body in a header"
    NONE = "none", "not at all"


class Target(models.TextChoices):
    """What a call does."""

    TASK = "task", "starts a task"
    EVENT = "event", "records an event"
    WAIT = "wait", "answers a wait"


class Hook(Resource, Overlapping):
    """An address that others call. Only a digest of its token is stored.

    `mapping` says what is made of a call: JSON whose texts behind `$` are expressions.
    """

    developer = models.ForeignKey("agents.Developer", on_delete=models.DO_NOTHING, related_name="+")
    name = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of the token")
    target = models.CharField(max_length=8, choices=Target.choices)
    task = models.ForeignKey(
        Task, null=True, on_delete=models.DO_NOTHING, related_name="+", help_text="null once it is gone"
    )
    mapping = models.JSONField(default=dict)
    scheme = models.CharField(max_length=12, choices=Scheme.choices, default=Scheme.STANDARD)
    options = models.JSONField(default=dict, help_text="of the scheme: header, encoding, algorithm, prefix, tolerance")
    secret_name = models.CharField(max_length=255, null=True)
    makes_secret = models.BooleanField(default=False, help_text="the secret was made for it, and goes with it")
    deduplicate_by = models.TextField(null=True, help_text="an expression that tells repeated calls")
    calls_per_minute = models.PositiveIntegerField(null=True)
    paused = models.BooleanField(default=False)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(scheme__in=Scheme.values), name="hook_scheme_known"),
            models.CheckConstraint(condition=models.Q(target__in=Target.values), name="hook_target_known"),
        ]

    def __str__(self) -> str:
        return self.name


class CallStatus(models.TextChoices):
    """What became of a call."""

    ACCEPTED = "accepted"
    ANSWERED = "answered", "told its sender what it wanted to know"
    REFUSED = "refused", "not signed as it has to be"
    FAILED = "failed", "nothing could be made of it"
    PAUSED = "paused"


class HookCall(models.Model):
    """A call that a hook received, with as much of it as is kept. A call that is known already adds no row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    developer = models.ForeignKey("agents.Developer", on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    hook = models.ForeignKey(Hook, on_delete=models.DO_NOTHING, related_name="calls", db_index=False)
    status = models.CharField(max_length=8, choices=CallStatus.choices)
    reason = models.CharField(max_length=500, blank=True)
    http_status = models.PositiveSmallIntegerField()
    known_by = models.CharField(max_length=255, null=True, help_text="what tells repeated calls")
    repeats = models.PositiveIntegerField(default=0, db_default=0, help_text="how often it came again")
    began = models.CharField(max_length=8, choices=Target.choices, null=True)
    began_id = models.UUIDField(null=True, help_text="the execution or the event")
    request = models.JSONField(default=dict, help_text="method, headers, query, type and text of the body")
    size = models.PositiveIntegerField(default=0, help_text="bytes of the body")
    is_whole = models.BooleanField(default=True, help_text="all of the body is kept")
    replay_of = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = TenantManager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=["hook", "known_by"], name="hook_call_once")]
        indexes = [
            models.Index(fields=["hook", "-created_at", "-id"], name="hook_call_of_hook"),
            models.Index(fields=["developer", "created_at"], name="hook_call_of_developer"),
            models.Index(fields=["created_at"], name="hook_call_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.hook_id} {self.status}"
