"""Bodies of schedules, and the objects they are answered with."""

from rest_framework import serializers

from executions.api.serializers import AnyJson
from executions.schedules.messages import LONGEST_MESSAGE
from executions.schedules.models import (
    CatchUp,
    OccurrenceState,
    Overlap,
    Pin,
    ScheduleState,
    Source,
    Target,
)
from executions.schedules.times.cron import LONGEST_TEXT
from executions.schedules.times.timing import MOST_LISTED
from julep_project.core.reading.fields import (
    Answer,
    DisplayName,
    Example,
    JsonObject,
    ListOf,
    StoredAnswer,
    StrictBody,
    Text,
    Timestamp,
    example_id,
)

_LONGEST_REASON = 500
_LONGEST_TIME = 40
_LONGEST_WINDOW_S = 366 * 86_400
_LONGEST_JITTER_S = 3600
MOST_PREVIEWED = 100


class TaskScheduleBody(StrictBody):
    """Times, and what a run that is begun at each of them is given."""

    example = Example(name="Every ten minutes", every=600, input={"day": "$ nominal[:10]"}, overlap="queue_one")

    name = DisplayName()
    cron = Text(required=False, max_length=LONGEST_TEXT, help_text="minute, hour, day of the month, month, weekday")
    every = serializers.IntegerField(required=False, min_value=1, help_text="seconds, counted from `starts_at` on")
    once = Text(required=False, max_length=_LONGEST_TIME, help_text="a time, with an offset or that of `timezone`")
    calendar = ListOf(
        required=False,
        child=Text(max_length=_LONGEST_TIME),
        max_length=MOST_LISTED,
        help_text="times, or days with `time`",
    )
    time = Text(required=False, max_length=_LONGEST_TIME, help_text="of the days of `calendar`")
    timezone = Text(required=False, max_length=64, help_text="of the IANA database; UTC without")
    starts_at = serializers.DateTimeField(required=False, help_text="no time before this moment")
    ends_at = serializers.DateTimeField(required=False, help_text="no time from this moment on")
    jitter = serializers.IntegerField(
        required=False, min_value=0, max_value=_LONGEST_JITTER_S, help_text="seconds over which runs are spread"
    )
    pin = serializers.ChoiceField(required=False, choices=Pin.choices, help_text="which version of the task")
    input = AnyJson(required=False, help_text="of the run; texts that begin with `$ ` are expressions")
    overlap = serializers.ChoiceField(required=False, choices=Overlap.choices)
    catch_up = serializers.ChoiceField(required=False, choices=CatchUp.choices)
    catch_up_window = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_LONGEST_WINDOW_S,
        help_text="seconds; older times are not caught up with",
    )
    max_failures = serializers.IntegerField(
        required=False, min_value=0, max_value=10_000, help_text="in a row, before it pauses itself; 0: never"
    )
    metadata = JsonObject(required=False)


class ScheduleBody(TaskScheduleBody):
    """Times, and what is begun at each of them: a run of a task, or a message in a session."""

    example = Example(
        name="Morning report",
        task_id=example_id("task"),
        cron="0 9 * * 1-5",
        timezone="Europe/Berlin",
        input={"day": "$ nominal[:10]"},
    )
    example_of_changes = Example(cron="0 8 * * 1-5", jitter=60)

    task_id = serializers.UUIDField(required=False, help_text="a run of this task is begun")
    session_id = serializers.UUIDField(required=False, help_text="this session is given a message")
    message = Text(required=False, min_length=1, max_length=LONGEST_MESSAGE, help_text="to the session")


class PauseBody(StrictBody):
    """Why a schedule is paused."""

    example = Example(reason="The supplier is closed")

    reason = Text(required=False, max_length=_LONGEST_REASON)


class BackfillBody(StrictBody):
    """The range that is filled in."""

    example = Example(since="2026-01-01T00:00:00Z", until="2026-01-02T00:00:00Z")

    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="this moment included")


class PausedBy(Answer):
    """Who paused a schedule."""

    sometimes = frozenset({"id", "name"})

    kind = Text()
    id = Text(required=False)
    name = Text(required=False)


class ScheduleAnswer(StoredAnswer):
    """A schedule as it is answered."""

    nullable = frozenset(
        "task_id task_version session_id message cron every once calendar time starts_at ends_at max_failures"
        " paused_reason paused_by paused_at next_at next_due_at".split()
    )

    name = Text()
    target = serializers.ChoiceField(choices=Target.choices)
    task_id = serializers.UUIDField()
    task_version = serializers.IntegerField(help_text="of the task, where it is pinned")
    session_id = serializers.UUIDField()
    pin = serializers.ChoiceField(choices=Pin.choices)
    input = AnyJson()
    message = Text()
    cron = Text()
    every = serializers.IntegerField()
    once = Text()
    calendar = serializers.ListField(child=Text())
    time = Text()
    timezone = Text()
    starts_at = Timestamp()
    ends_at = Timestamp()
    jitter = serializers.IntegerField()
    overlap = serializers.ChoiceField(choices=Overlap.choices)
    catch_up = serializers.ChoiceField(choices=CatchUp.choices)
    catch_up_window = serializers.IntegerField()
    max_failures = serializers.IntegerField()
    metadata = JsonObject()
    state = serializers.ChoiceField(choices=ScheduleState.choices)
    paused_reason = Text()
    paused_by = PausedBy()
    paused_at = Timestamp()
    failures = serializers.IntegerField(help_text="in a row")
    next_at = Timestamp(help_text="its next time; null while it is paused, for it counts from when it is resumed")
    next_due_at = Timestamp(help_text="when that is due, with its jitter")


class OccurrenceAnswer(StoredAnswer):
    """What became of one time as it is answered."""

    nullable = frozenset({"execution_id", "started_at", "ended_at"})

    schedule_id = serializers.UUIDField()
    nominal = Timestamp(help_text="the time itself")
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]  # no field has this name
    state = serializers.ChoiceField(choices=OccurrenceState.choices)
    reason = Text(help_text="why it waits, was skipped or failed")
    execution_id = serializers.UUIDField(help_text="the run that it began")
    started_at = Timestamp()
    ended_at = Timestamp()


class BackfillAnswer(Answer):
    """How many times are filled in as it is answered."""

    created = serializers.IntegerField()
    existing = serializers.IntegerField(help_text="which were there already")


class PreviewedTime(Answer):
    """A time to come."""

    nominal = Timestamp()
    due_at = Timestamp(help_text="with its jitter")


class PreviewAnswer(Answer):
    """Times to come as they are answered."""

    items = PreviewedTime(many=True)
