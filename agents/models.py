"""Tenants and what they define: projects, agents, tools; and what model calls used."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from agents.tool_types import LONGEST_CONDITION, NEVER, Effect, ToolType
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.models import Resource, canonical_name_unique, metadata_index
from julep_project.core.tenancy import Own, TenantManager

DEFAULT_PROJECT = "default"


class Developer(Resource):
    """A tenant. Owns everything else."""

    tenancy = Own("id")

    email = models.EmailField(blank=True, default="")
    active = models.BooleanField(default=True)
    tags = ArrayField(models.CharField(max_length=64), default=list, blank=True)

    def __str__(self) -> str:
        return self.email or str(self.id)


class Project(Resource):
    """A named group of agents. Every developer has `default`."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=255)
    canonical_name = models.CharField(max_length=255)
    metadata = models.JSONField(default=dict, blank=True)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [canonical_name_unique("a project")]
        indexes = [metadata_index("project_metadata")]

    def __str__(self) -> str:
        return self.canonical_name


class Agent(Resource):
    """A model with instructions, settings, tools and tasks."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.RESTRICT, related_name="agents")
    name = models.CharField(max_length=255)
    canonical_name = models.CharField(max_length=255)
    about = models.TextField(blank=True, default="")
    model = models.CharField(max_length=255, blank=True, default="", help_text="empty: the server's default model")
    instructions = models.JSONField(default=list, blank=True, help_text="list of texts")
    default_settings = models.JSONField(default=dict, blank=True)
    default_system_template = models.TextField(null=True, blank=True)
    policy = models.JSONField(
        null=True,
        blank=True,
        help_text="what may not decide about dangerous calls without a person; empty: the default",
    )
    metadata = models.JSONField(default=dict, blank=True)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [canonical_name_unique("an agent")]
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="agent_of_developer"),
            metadata_index("agent_metadata"),
        ]

    def __str__(self) -> str:
        return self.name


class User(Resource):
    """An end user the agents talk with. Has nothing to do with logins."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.RESTRICT, related_name="users")
    name = models.CharField(max_length=255, blank=True, default="")
    about = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)

    objects = TenantManager()

    class Meta(Resource.Meta):
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="user_of_developer"),
            metadata_index("user_metadata"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class Tool(Resource):
    """Something a model or a step may call. `spec` is what the API shows under the key named like `type`."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    agent = models.ForeignKey(Agent, null=True, on_delete=models.CASCADE, related_name="tools")
    name = models.CharField(max_length=40)
    type = models.CharField(max_length=32, choices=ToolType.choices)
    description = models.TextField(null=True, blank=True)
    spec = models.JSONField(default=dict, blank=True)
    at_most_once = models.BooleanField(
        default=False, db_default=False, help_text="a call whose outcome is unclear is not repeated"
    )
    approval = models.CharField(
        max_length=LONGEST_CONDITION,
        default=NEVER,
        db_default=NEVER,
        help_text="whether a person agrees to calls first: always, never, or a condition on their arguments",
    )
    # Null: as is usual for the kind.
    effect = models.CharField(max_length=16, null=True, blank=True, choices=[(each, each) for each in Effect])
    timeout = models.FloatField(null=True, blank=True, help_text="seconds that a call may take")
    rate = models.JSONField(null=True, blank=True, help_text="how many calls may be made in a period")

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "name"],
                name="tool_name_unique",
                violation_error_message="A tool with this name already exists for this agent",
            ),
            models.CheckConstraint(condition=Q(type__in=ToolType.values), name="tool_type_known"),
            models.CheckConstraint(condition=Q(effect__in=list(Effect)), name="tool_effect_known"),
        ]

    def __str__(self) -> str:
        return self.name


class UsageState(models.TextChoices):
    """How far the account of a call has come."""

    RESERVED = "reserved", "under way; an amount is set aside for it"
    SETTLED = "settled", "it is known what the call used"
    UNKNOWN = "unknown", "whoever made the call was lost; what it used is not known"


class ModelUsage(models.Model):
    """The account of a model call. Nothing else says what was spent. `cost` is null when no price is known, never a
    guess.

    Whom a call was for is said by ids without constraints: the account outlives what it was for. `folded` rows are
    counted in the totals of their days (`spending.UsageDay`), the others are counted where they stand.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    # Its index is `usage_of_developer`.
    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    model = models.CharField(max_length=255)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=18, decimal_places=9, null=True, help_text="US dollars")
    estimated = models.BooleanField(default=False)
    custom_api_used = models.BooleanField(default=False, help_text="the caller's own key paid for the call")
    metadata = models.JSONField(default=dict, blank=True)
    state = models.CharField(
        max_length=8, choices=UsageState.choices, default=UsageState.SETTLED, db_default=UsageState.SETTLED
    )
    reserved = models.DecimalField(
        max_digits=18, decimal_places=9, null=True, help_text="US dollars set aside before the call"
    )
    folded = models.BooleanField(default=False, db_default=False, help_text="counted in the totals of its day")
    project_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)
    task_id = models.UUIDField(null=True)
    session_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    counts_for = ArrayField(
        models.UUIDField(), null=True, help_text="runs and sessions whose calls led to the run: it counts for them, too"
    )

    objects = TenantManager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "model usage"
        indexes = [
            models.Index(fields=["developer", "-created_at"], name="usage_of_developer"),
            models.Index(fields=["developer", "created_at"], name="usage_not_folded", condition=Q(folded=False)),
            models.Index(fields=["created_at"], name="usage_reserved", condition=Q(state=UsageState.RESERVED)),
            models.Index(fields=["execution_id"], name="account_of_execution", condition=Q(execution_id__isnull=False)),
            models.Index(fields=["session_id"], name="account_of_session", condition=Q(session_id__isnull=False)),
            GinIndex(fields=["counts_for"], name="account_of_callers", condition=Q(counts_for__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.prompt_tokens}+{self.completion_tokens}"
