"""A run and its parts. The rows are the truth; Celery messages only make a worker look at them.

`DO_NOTHING` means that the database cascades by itself (migration `database_cascades`).
"""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform

from executions.states import BranchStatus, ExecutionStatus, TransitionType
from executions.stored_json import StoredJson
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.models import Resource, metadata_index
from julep_project.core.tenancy import TenantManager, Through
from julep_project.core.work.rows import QueuedRow

_OF_EXECUTION = Through("execution_id", "executions.Execution")
# Runs that keep workers busy, or will.
AT_WORK = (ExecutionStatus.QUEUED, ExecutionStatus.STARTING, ExecutionStatus.RUNNING)
# Runs that have not ended.
OPEN = (*AT_WORK, ExecutionStatus.AWAITING_INPUT)

# Runs that somebody may have to act on, of which there are few.
TO_LOOK_AT = (ExecutionStatus.AWAITING_INPUT, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)


class Execution(Resource):
    """One run of a task, pinned to the version it started with.

    `runnable` and `open_waits` count branches; they change only under this row's lock, together with the
    branches they count, so the status can be told without looking at the branches.
    """

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey("tasks.Task", on_delete=models.DO_NOTHING, related_name="executions")
    task_version = models.ForeignKey("tasks.TaskVersion", on_delete=models.DO_NOTHING, related_name="+")
    status = models.CharField(max_length=16, choices=ExecutionStatus.choices, default=ExecutionStatus.QUEUED)
    input = StoredJson(default=dict)
    output = StoredJson(null=True)
    error = models.TextField(null=True)
    error_type = models.CharField(max_length=120, null=True, help_text="the kind of failure that ended it")
    error_step = models.CharField(max_length=200, null=True, help_text="label or place of the step that failed")
    error_hash = models.CharField(max_length=16, null=True, help_text="the same for runs that failed by the same fault")
    state = models.JSONField(default=dict, help_text="what `set` steps stored")
    metadata = models.JSONField(default=dict)
    transition_count = models.PositiveIntegerField(default=0)
    runnable = models.PositiveIntegerField(default=1)
    open_waits = models.PositiveIntegerField(default=0)
    depth = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="how many tool calls led to it: tools that start executions are bounded"
    )
    key_id = models.UUIDField(null=True, help_text="the API key it was started with: its calls count for that")
    ended_at = models.DateTimeField(null=True, editable=False)
    asleep_until = models.DateTimeField(null=True, help_text="while nothing of it moves before that time")

    called_by = models.UUIDField(
        null=True, help_text="the branch that waits for it, or the session in which a tool began it"
    )
    callers = ArrayField(models.UUIDField(), null=True, help_text="the runs whose calls led to it, the nearest first")
    counts_for = ArrayField(
        models.UUIDField(),
        null=True,
        help_text="these runs, and sessions that led to it: its cost counts for them, too",
    )
    retried_from = models.UUIDField(null=True, help_text="the run that this one does again; it may be gone")
    values_of = models.UUIDField(
        null=True, help_text="the first of the runs whose stored contents this one may refer to, all of them retries"
    )
    fork_id = models.UUIDField(null=True, help_text="the same for the variants that were begun together")
    variant = models.JSONField(null=True, help_text="which variant of a fork it is, and what was edited")
    overrides = models.JSONField(
        null=True, help_text="what it has otherwise than the program of its version: prompts, models, settings"
    )
    sources = models.JSONField(
        null=True,
        help_text="where its `input` and the `answers` to its waits come from, if not from users alone",
    )
    traceparent = models.CharField(
        max_length=64,
        null=True,
        help_text="the span that started it, as W3C Trace Context writes it, if that is traced",
    )

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(status__in=ExecutionStatus.values), name="execution_status_known"),
        ]
        indexes = [
            models.Index(fields=["task", "-created_at", "-id"], name="execution_of_task"),
            models.Index(fields=["developer", "-created_at"], name="execution_of_developer"),
            models.Index(
                fields=["developer", "status", "created_at"], name="execution_at_work", condition=Q(status__in=AT_WORK)
            ),
            models.Index(
                fields=["developer", "status", "-created_at", "-id"],
                name="execution_to_look_at",
                condition=Q(status__in=TO_LOOK_AT),
            ),
            models.Index(fields=["retried_from"], name="execution_retries", condition=Q(retried_from__isnull=False)),
            models.Index(fields=["values_of"], name="execution_values_of", condition=Q(values_of__isnull=False)),
            models.Index(fields=["fork_id"], name="execution_fork", condition=Q(fork_id__isnull=False)),
            models.Index(
                fields=["called_by"], name="execution_called", condition=Q(called_by__isnull=False, status__in=OPEN)
            ),
            metadata_index("execution_metadata"),
            # Those of operators, who look at the runs of all developers. None is on `updated_at`: every commit would
            # write to all indexes then.
            models.Index(fields=["-created_at", "-id"], name="execution_newest"),
            models.Index(
                fields=["status", "-created_at", "-id"],
                name="execution_open",
                condition=Q(status__in=OPEN),
            ),
            models.Index(
                fields=["-ended_at", "-id"], name="execution_failed", condition=Q(status=ExecutionStatus.FAILED)
            ),
            models.Index(
                fields=["error_hash", "-ended_at"], name="execution_fault", condition=Q(error_hash__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class Branch(models.Model):
    """One thread of control inside a run.

    `stack` is a list of frames (see `engine/frame.py`). `version` fences: every claim raises it, every commit names
    the one it claimed, so a worker that lost its lease cannot write.
    """

    tenancy = _OF_EXECUTION

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    execution = models.ForeignKey(Execution, on_delete=models.DO_NOTHING, related_name="branches")
    parent = models.ForeignKey("self", null=True, on_delete=models.DO_NOTHING, related_name="children", db_index=False)
    fork = models.UUIDField(null=True, help_text="groups the children one step made together")
    index = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, choices=BranchStatus.choices, default=BranchStatus.READY)
    stack = models.JSONField(default=list)
    version = models.PositiveBigIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0, help_text="claims since the last commit")
    lease_until = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=64, null=True)
    wake_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True, help_text="when a message was last sent for this row")
    pending_children = models.PositiveIntegerField(default=0)
    parallelism = models.PositiveIntegerField(null=True, help_text="how many children may be active at once")
    effect = models.JSONField(null=True, help_text="what is asked of the world: kind, request, key, attempts")
    event = models.JSONField(null=True, help_text="what the waiting step is to be told")
    wait_id = models.UUIDField(null=True, help_text="the `wait` transition it stands at")
    output = StoredJson(null=True)
    held_up = models.JSONField(
        null=True, help_text="what it last waited for without counting attempts, until it goes on"
    )
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        ordering = ("created_at", "id")
        verbose_name_plural = "branches"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=BranchStatus.values), name="branch_status_known"),
        ]
        indexes = [
            # The only one on children: the next to start is found by it whatever the planner knows of the table.
            models.Index(
                fields=["parent", "status", "index"], name="branch_children", condition=Q(parent__isnull=False)
            ),
            models.Index(
                F("rung_at").asc(nulls_first=True), name="branch_ready", condition=Q(status=BranchStatus.READY)
            ),
            models.Index(
                fields=["lease_until"],
                name="branch_leased",
                condition=Q(status__in=[BranchStatus.RUNNING, BranchStatus.CALLING]),
            ),
            models.Index(
                fields=["wake_at"],
                name="branch_timed",
                condition=Q(status__in=[BranchStatus.SLEEPING, BranchStatus.AWAITING_INPUT], wake_at__isnull=False),
            ),
            models.Index(
                fields=["execution"],
                name="branch_held_back",
                condition=Q(status=BranchStatus.PENDING, parent__isnull=True),
            ),
            models.Index(fields=["pending_children"], name="branch_joining", condition=Q(status=BranchStatus.JOINING)),
            models.Index(
                KeyTextTransform("developer", "held_up"),
                name="branch_held_by_developer",
                condition=Q(held_up__developer__isnull=False),
            ),
            models.Index(
                KeyTextTransform("pause", "held_up"),
                name="branch_held_by_pause",
                condition=Q(held_up__pause__isnull=False),
            ),
            models.Index(
                fields=["updated_at"],
                name="branch_waits_in_call",
                condition=Q(status=BranchStatus.AWAITING_INPUT, effect__isnull=False),
            ),
            models.Index(fields=["updated_at"], name="branch_waits", condition=Q(status=BranchStatus.AWAITING_INPUT)),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} {self.id} {self.status}"


# In the metadata of a transition: when it was waited for, begun and ended, in milliseconds since 1970, as
# `{ready, start, end, calls: [[start, end, status, key of the effect], ...]}`. Clients get transitions without it.
TIMES = "t"
# Likewise, of a `resume`: the event that the wait took.
EVENT = "event"
# Likewise: how many have to answer a `wait`, and have by the time of a `resume`; which `wait` that is an answer to, and
# whose. Each of these people answers once.
QUORUM, OF_WAIT, PERSON = "quorum", "wait", "person"


class Transition(models.Model):
    """One row of the log: append-only, numbered without gaps per execution.

    `scope`, `position` and `loop` are for the engine: which call of which workflow a finished step belongs to, its
    place there (null for steps in nested bodies), and the loop whose turn ended here.
    """

    tenancy = _OF_EXECUTION

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Its index is that of `transition_seq_unique`.
    execution = models.ForeignKey(Execution, on_delete=models.DO_NOTHING, related_name="transitions", db_index=False)
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, related_name="+")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=16, choices=TransitionType.choices)
    current = models.JSONField()
    next = models.JSONField(null=True)
    step_label = models.CharField(max_length=120, null=True)
    output = StoredJson(null=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    scope = models.UUIDField()
    position = models.PositiveIntegerField(null=True)
    loop = models.UUIDField(null=True)

    class Meta:
        ordering = ("seq",)
        constraints = [
            models.UniqueConstraint(fields=["execution", "seq"], name="transition_seq_unique"),
            models.CheckConstraint(condition=Q(type__in=TransitionType.values), name="transition_type_known"),
            models.UniqueConstraint(
                fields=["execution"],
                condition=Q(type__in=[TransitionType.FINISH, TransitionType.ERROR, TransitionType.CANCELLED]),
                name="transition_one_terminal",
            ),
            models.UniqueConstraint(
                fields=["execution", "scope", "position"],
                condition=Q(position__isnull=False),
                name="transition_step_once",
            ),
            models.UniqueConstraint(
                "execution",
                KeyTextTransform(OF_WAIT, "metadata"),
                KeyTextTransform(PERSON, "metadata"),
                condition=Q(type=TransitionType.RESUME, metadata__has_key=PERSON),
                name="transition_answer_once",
            ),
        ]
        indexes = [
            models.Index(fields=["loop", "seq"], name="transition_of_loop", condition=Q(loop__isnull=False)),
            models.Index(
                "execution",
                KeyTextTransform(EVENT, "metadata"),
                name="transition_of_event",
                condition=Q(type=TransitionType.RESUME, metadata__has_key=EVENT),
            ),
            models.Index(
                KeyTextTransform(EVENT, "metadata"),
                "id",
                name="transition_by_event",
                condition=Q(type=TransitionType.RESUME, metadata__has_key=EVENT),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} #{self.seq} {self.type}"


def answers_to(execution_id: UUID, wait_id: str) -> "models.QuerySet[Transition]":
    """Rows of answers to a wait with a quorum."""
    answers = Transition.objects.filter(execution=execution_id, type=TransitionType.RESUME, metadata__has_key=PERSON)
    return answers.alias(wait=KeyTextTransform(OF_WAIT, "metadata")).filter(wait=wait_id)


class EventWait(QueuedRow):
    """A branch that stands at a wait for an event. The database removes the row when the branch stands there no more.

    As long as it is `new`, somebody has to look whether such an event is there already. `id` is the `wait` transition.
    """

    class State(models.TextChoices):
        """Whether events that were there before have been looked at."""

        NEW = "new"
        WAITING = "waiting"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, editable=False)
    developer = models.ForeignKey("agents.Developer", on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    execution = models.ForeignKey(Execution, on_delete=models.DO_NOTHING, related_name="+")
    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, related_name="+")
    name = models.CharField(max_length=120)
    key = models.CharField(max_length=255, null=True)
    match = models.JSONField(default=dict, help_text="what the data of the event have to contain")
    probe = models.CharField(max_length=16, blank=True, help_text="of one value of `match`: see `event_probes`")
    since = models.DateTimeField(help_text="no event from before that time is meant")
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW, db_default=State.NEW)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = TenantManager()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["developer", "name", "probe"], name="event_wait_of_name"),
            models.Index(fields=["developer", "due_at"], name="event_wait_to_look", condition=Q(state="new")),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} {self.name}"


class LoopItem(models.Model):
    """One item of a running loop, written once when the loop starts, so that a turn never rewrites the others."""

    tenancy = Through("branch_id", "executions.Branch")

    branch = models.ForeignKey(Branch, on_delete=models.DO_NOTHING, related_name="+")
    loop = models.UUIDField()
    index = models.PositiveIntegerField()
    value = StoredJson(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["loop", "index"], name="loop_item_unique")]

    def __str__(self) -> str:
        return f"{self.loop}[{self.index}]"


class Blob(models.Model):
    """A value that a run's rows refer to. It outlives the run until it is pruned.

    Large ones lie in the file storage under `name`; `digest` is set once they do, so whoever finds one by it may refer
    to it. Those that only the engine refers to are in `content` unless they are large.
    """

    tenancy = _OF_EXECUTION

    name = models.CharField(primary_key=True, max_length=120)
    execution_id = models.UUIDField(db_index=True)
    size = models.BigIntegerField(db_default=0, help_text="bytes")
    digest = models.CharField(max_length=64, null=True, help_text="SHA-256 of a content in the storage")
    content = models.TextField(null=True, help_text="JSON text, where it is not in the storage")
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["execution_id", "digest"], name="blob_of_digest", condition=Q(digest__isnull=False)),
            models.Index(fields=["created_at"], name="blob_in_row", condition=Q(content__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name
