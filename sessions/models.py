"""Conversations: who takes part, what was said, whose turn it is, and the work done on them in the background."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from agents.models import Agent, Developer, User
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.jobs.rows import JobRow, JobState
from julep_project.core.models import Resource, metadata_index
from julep_project.core.tenancy import TenantManager, Through
from julep_project.core.work.rows import LeasedRow

_OF_SESSION = Through("session_id", "chat_sessions.Session")


class ContextOverflow(models.TextChoices):
    """What happens to a prompt that is too large; without one of these it is refused."""

    TRUNCATE = "truncate"
    ADAPTIVE = "adaptive"


class OnBusy(models.TextChoices):
    """What a chat does while another one runs on the same session."""

    REJECT = "reject"
    ENQUEUE = "enqueue"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


class Session(Resource):
    """A conversation. Its participants are fixed when it is made."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    situation = models.TextField(null=True, blank=True)
    system_template = models.TextField(null=True, blank=True, help_text="empty: the agent's template")
    summary = models.TextField(null=True, blank=True)
    render_templates = models.BooleanField(default=True)
    auto_run_tools = models.BooleanField(default=False)
    forward_tool_calls = models.BooleanField(default=False)
    token_budget = models.PositiveIntegerField(null=True, blank=True, help_text="empty: the model's window")
    context_overflow = models.CharField(max_length=16, null=True, blank=True, choices=ContextOverflow.choices)
    on_busy = models.CharField(max_length=16, choices=OnBusy.choices, default=OnBusy.ENQUEUE)
    recall_options = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    entry_count = models.PositiveBigIntegerField(default=0, help_text="entries ever stored; numbers the next one")
    sources = ArrayField(
        models.CharField(max_length=16),
        null=True,
        blank=True,
        editable=False,
        default=list,
        help_text="where the content comes from that its messages may depend on; empty: it is not known",
    )

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(context_overflow__isnull=True) | Q(context_overflow__in=ContextOverflow.values),
                name="session_context_overflow_known",
            ),
            models.CheckConstraint(condition=Q(on_busy__in=OnBusy.values), name="session_on_busy_known"),
            models.CheckConstraint(
                condition=Q(token_budget__isnull=True) | Q(token_budget__gt=0), name="session_token_budget_positive"
            ),
        ]
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="session_of_developer"),
            metadata_index("session_metadata"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SessionAgent(models.Model):
    """An agent of a session, in the order given. Goes with the agent; the session stays."""

    tenancy = _OF_SESSION

    session = models.ForeignKey(Session, on_delete=models.DO_NOTHING, related_name="agent_links")
    agent = models.ForeignKey(Agent, on_delete=models.DO_NOTHING, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["session", "agent"], name="session_agent_once")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.position}"


class SessionUser(models.Model):
    """A user of a session, in the order given. Goes with the user; the session stays."""

    tenancy = _OF_SESSION

    session = models.ForeignKey(Session, on_delete=models.DO_NOTHING, related_name="user_links")
    user = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["session", "user"], name="session_user_once")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.position}"


class TurnStatus(models.TextChoices):
    """Where a turn stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class StopWish(models.TextChoices):
    """What a later chat wants of the turn that runs: keep what was said so far, or leave no trace."""

    KEEP = "keep"
    DROP = "drop"


class Turn(LeasedRow):
    """One chat on a session. At most one runs at a time; those that wait go in the order of their numbers.

    The process that runs a turn renews its lease; when the lease has run out, the turn is over for everyone else.
    """

    tenancy = _OF_SESSION

    number = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.DO_NOTHING, related_name="turns")
    status = models.CharField(max_length=16, choices=TurnStatus.choices, default=TurnStatus.WAITING)
    owner = models.UUIDField(default=uuid7, editable=False, help_text="the process that waits with it or runs it")
    chat_id = models.UUIDField(null=True, editable=False, help_text="of a chat that may be attempted again")
    answer = models.JSONField(null=True, help_text="what such a chat was answered, for its next attempt")
    stop = models.CharField(max_length=8, null=True, choices=StopWish.choices)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["session"], condition=Q(status="running"), name="turn_one_runs"),
            models.UniqueConstraint(
                fields=["session", "chat_id"], condition=Q(status="finished"), name="turn_chat_once"
            ),
            models.CheckConstraint(condition=Q(status__in=TurnStatus.values), name="turn_status_known"),
            models.CheckConstraint(
                condition=Q(stop__isnull=True) | Q(stop__in=StopWish.values), name="turn_stop_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["session", "number"], condition=Q(status__in=("waiting", "running")), name="turn_open"
            ),
            models.Index(fields=["ended_at"], condition=Q(ended_at__isnull=False), name="turn_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.status}"


class EntrySource(models.TextChoices):
    """Where an entry came from."""

    API_REQUEST = "api_request"
    API_RESPONSE = "api_response"
    TOOL_REQUEST = "tool_request"
    TOOL_RESPONSE = "tool_response"
    INTERNAL = "internal"
    SUMMARIZER = "summarizer"


class Entry(models.Model):
    """One message of a session, never changed.

    `seq` is the order of storing. `place` is the order in the conversation: equal to `seq`, except that a summary
    takes the place of the last entry it stands for; those entries stay and point to it.
    """

    tenancy = _OF_SESSION

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.DO_NOTHING, related_name="entries")
    seq = models.PositiveBigIntegerField()
    place = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    turn = models.ForeignKey(Turn, null=True, on_delete=models.DO_NOTHING, related_name="+")
    role = models.CharField(max_length=16)
    name = models.CharField(max_length=255, null=True)
    content = models.JSONField(null=True, help_text="text, a list of parts, or null beside tool calls")
    source = models.CharField(max_length=16, choices=EntrySource.choices)
    tokenizer = models.CharField(max_length=64)
    token_count = models.PositiveIntegerField()
    model = models.CharField(max_length=255, blank=True, default="")
    tool_calls = models.JSONField(null=True)
    tool_call_id = models.TextField(null=True)
    superseded_by = models.ForeignKey("self", null=True, on_delete=models.DO_NOTHING, related_name="stands_for")

    class Meta:
        ordering = ("place", "seq")
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="entry_seq_once"),
            models.CheckConstraint(condition=Q(source__in=EntrySource.values), name="entry_source_known"),
        ]
        indexes = [
            models.Index(fields=["superseded_by"], condition=Q(superseded_by__isnull=False), name="entry_replaced")
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.seq} {self.role}"


class PendingRound(models.Model):
    """The calls of a reply that were not made because a person must agree to some of them first. A session has at most
    one: that of its latest reply.

    `calls` are as they are made if they are agreed to. `decided` is what was decided about those that were asked
    about, by id; `results` are there once the calls are made, and are told to the model by the chat that goes on.
    """

    tenancy = _OF_SESSION

    session = models.OneToOneField(Session, primary_key=True, on_delete=models.DO_NOTHING, related_name="pending_round")
    id = models.UUIDField(default=uuid7, editable=False, help_text="the keys of its calls are made of it")
    agent_id = models.UUIDField(help_text="whose calls they are")
    is_alone = models.BooleanField(help_text="no other agents were to answer after this one")
    entry_count = models.PositiveBigIntegerField(help_text="of the session; what comes behind was said since")
    calls = models.JSONField()
    decided = models.JSONField(null=True)
    results = models.JSONField(null=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="pending_round_expires")]

    def __str__(self) -> str:
        return f"{self.session_id} {len(self.calls)} calls"


class Job(JobRow):
    """Work on a session in the background. At most one is open for each session."""

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+")
    session = models.ForeignKey(Session, on_delete=models.DO_NOTHING, related_name="jobs")
    through_seq = models.PositiveBigIntegerField(help_text="the newest entry the job may replace")
    model = models.CharField(max_length=255, help_text="whose prompt grew too long")
    budget = models.PositiveIntegerField(help_text="tokens; the history is to take about half of them")
    urgent = models.BooleanField(help_text="prompts are refused until it is done; even the newest entries may go")

    objects = TenantManager()

    class Meta(JobRow.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["session", "name"],
                condition=Q(state__in=("pending", "in_progress", "retrying")),
                name="job_one_open",
            ),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
        ]
        indexes = [
            models.Index(
                fields=["developer", "due_at"],
                condition=Q(state__in=("pending", "in_progress", "retrying")),
                name="job_of_tenant",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.state}"
