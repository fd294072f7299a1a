"""Schedules, and what became of each of their times.

`DO_NOTHING` means that the database cascades by itself.
"""

from django.db import models
from django.db.models import Q

from agents.models import Developer
from julep_project.core.models import Resource, metadata_index
from julep_project.core.tenancy import TenantManager
from julep_project.core.work.rows import QueuedRow


class Target(models.TextChoices):
    """What a time begins: a run of a task, or a message in a session."""

    TASK = "task"
    SESSION = "session"


class Pin(models.TextChoices):
    """Which version of the task is run: the one that was current when the schedule was made, or the current one."""

    VERSION = "version"
    LATEST = "latest"


class Overlap(models.TextChoices):
    """What is done with a time that comes while what an earlier one began has not ended."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    QUEUE_ALL = "queue_all"
    CANCEL_OLD = "cancel_old"
    ALLOW = "allow"


class CatchUp(models.TextChoices):
    """Which of the times that went by while nobody looked are fired afterwards."""

    NONE = "none"
    ONE = "one"
    ALL = "all"


class ScheduleState(models.TextChoices):
    """Whether a schedule fires. One that has `ended` has no further times."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Source(models.TextChoices):
    """Who asked for an occurrence."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    BACKFILL = "backfill"


class OccurrenceState(models.TextChoices):
    """What became of one time. A `waiting` one has its turn later."""

    WAITING = "waiting"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


OPEN = (OccurrenceState.WAITING, OccurrenceState.STARTED)
# How what an occurrence has begun may end.
RAN = (OccurrenceState.DONE, OccurrenceState.FAILED, OccurrenceState.CANCELLED)


class Schedule(Resource):
    """Times, and what is begun at each of them.

    `timing` is what a client says of the times, with the `anchor` of `every`. `next_nominal` is the first time that
    nobody has decided about, `due_at` when that is due. Whoever decides about a time, or about what waits, holds the
    lock of this row.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=255)
    target = models.CharField(max_length=8, choices=Target.choices)
    task = models.ForeignKey("tasks.Task", null=True, on_delete=models.DO_NOTHING, related_name="+")
    version_number = models.PositiveIntegerField(null=True, help_text="of the task, where it is pinned")
    session = models.ForeignKey("chat_sessions.Session", null=True, on_delete=models.DO_NOTHING, related_name="+")
    pin = models.CharField(max_length=8, choices=Pin.choices, default=Pin.LATEST)
    timing = models.JSONField()
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    jitter = models.PositiveIntegerField(default=0, help_text="seconds")
    input = models.JSONField(default=dict, help_text="texts that begin with `$ ` are expressions")
    overlap = models.CharField(max_length=16, choices=Overlap.choices, default=Overlap.SKIP)
    catch_up = models.CharField(max_length=8, choices=CatchUp.choices, default=CatchUp.ONE)
    catch_up_window = models.PositiveIntegerField(default=86_400, help_text="seconds")
    max_failures = models.PositiveIntegerField(null=True, help_text="in a row, before it is paused; 0: never")
    metadata = models.JSONField(default=dict)
    # One that came in an archive does not fire until somebody says so.
    state = models.CharField(
        max_length=8, choices=ScheduleState.choices, default=ScheduleState.ACTIVE, db_default=ScheduleState.PAUSED
    )
    paused_reason = models.TextField(null=True)
    paused_by = models.JSONField(null=True, help_text="kind, id and name of who paused it")
    paused_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    next_nominal = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    key_id = models.UUIDField(null=True, help_text="the API key it was made with: what it begins counts for that")

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ScheduleState.values), name="schedule_state_known"),
            models.CheckConstraint(condition=Q(overlap__in=Overlap.values), name="schedule_overlap_known"),
            models.CheckConstraint(condition=Q(catch_up__in=CatchUp.values), name="schedule_catch_up_known"),
            models.CheckConstraint(
                condition=Q(target=Target.TASK, task__isnull=False, session__isnull=True)
                | Q(target=Target.SESSION, task__isnull=True, session__isnull=False),
                name="schedule_one_target",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state=ScheduleState.ACTIVE), name="schedule_due"),
            models.Index(fields=["developer", "-created_at", "-id"], name="schedule_of_developer"),
            metadata_index("schedule_metadata"),
        ]

    def __str__(self) -> str:
        return self.name


class Occurrence(QueuedRow, Resource):
    """One time of a schedule, and what became of it.

    One that has `started` names the run that it began, whose end the database tells it in the transaction of that end
    (migration `ends_of_runs`); `is_settled` says that its schedule has heard of that. A message to a session is sent
    under the lease of this row. One that is `waiting` without `due_at` waits for what was begun before it.
    """

    developer = models.ForeignKey(Developer, on_delete=models.CASCADE, related_name="+", db_index=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.DO_NOTHING, related_name="occurrences", db_index=False)
    nominal = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.SCHEDULE)
    target = models.CharField(max_length=8, choices=Target.choices)
    state = models.CharField(max_length=16, choices=OccurrenceState.choices, default=OccurrenceState.WAITING)
    reason = models.CharField(max_length=500, blank=True, default="")
    input = models.JSONField(null=True, help_text="the message that a session is given")
    execution_id = models.UUIDField(null=True, help_text="the run it began; that may be gone")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    is_settled = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True, editable=False)  # type: ignore[assignment]  # may wait without

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.UniqueConstraint(fields=["schedule", "nominal"], name="occurrence_once"),
            models.CheckConstraint(condition=Q(state__in=OccurrenceState.values), name="occurrence_state_known"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="occurrence_source_known"),
        ]
        indexes = [
            models.Index(fields=["schedule", "nominal"], condition=Q(state__in=OPEN), name="occurrence_open"),
            models.Index(
                fields=["schedule"], condition=Q(state__in=RAN, is_settled=False), name="occurrence_to_settle"
            ),
            models.Index(fields=["due_at"], condition=Q(state=OccurrenceState.WAITING), name="occurrence_waiting"),
            models.Index(fields=["execution_id"], condition=Q(state=OccurrenceState.STARTED), name="occurrence_of_run"),
            models.Index(
                fields=["developer", "due_at"],
                condition=Q(state=OccurrenceState.STARTED, target=Target.SESSION),
                name="occurrence_at_work",
            ),
            models.Index(fields=["schedule", "-created_at", "-id"], name="occurrence_of_schedule"),
            models.Index(fields=["developer", "created_at"], name="occurrence_of_developer"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.nominal} {self.state}"
