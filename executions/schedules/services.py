"""Writes of schedules from outside: made, changed, paused, run now, filled in afterwards."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.resource_services import ResourceServices, Values
from agents.spending.attribution import current_attribution
from executions.schedules.errors import TooManySchedules, TooManyTimes
from executions.schedules.inputs import check_expressions
from executions.schedules.models import (
    Occurrence,
    OccurrenceState,
    Pin,
    Schedule,
    ScheduleState,
    Source,
    Target,
)
from executions.schedules.ticking.claiming import keep_tasks
from executions.schedules.ticking.round import carry_out, move_to
from executions.schedules.times.timing import FIRST_YEAR, KINDS
from executions.schedules.timings import checked_timing, timing_of
from executions.waits.actors import actor_to_json
from julep_project.core.clock import DatabaseNow, to_wire
from julep_project.core.database import fetch, has_more_than
from julep_project.core.errors import BadRequest, Conflict
from julep_project.core.ids import uuid7
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import get_or_not_found
from sessions.selectors import get_session
from tasks.selectors import get_task

_TIMES = (*KINDS, "time", "timezone")
_MESSAGE = "message"
_AT_ONCE = 500
_MILLISECOND = timedelta(milliseconds=1)


def database_now() -> datetime:
    """When this transaction began, by the clock that decides what is due."""
    [(moment,)] = fetch("SELECT date_trunc('milliseconds', now())")
    found: datetime = moment
    return found


class ScheduleServices(ResourceServices[Schedule]):
    """Schedules of a developer. Times and what is begun stay as they are where nothing is said of them."""

    model = Schedule
    fields: ClassVar[tuple[str, ...]] = (
        "name",
        "pin",
        "starts_at",
        "ends_at",
        "jitter",
        "input",
        "overlap",
        "catch_up",
        "catch_up_window",
        "max_failures",
        "metadata",
    )

    def columns(self, developer: Developer, values: Values, *, whole: bool = False) -> dict[str, Any]:
        """What is said of times stands together in `timing`, and a message in `input`."""
        given = {name: value for name, value in values.items() if name in self.fields}
        columns = super().columns(developer, given, whole=whole)
        if whole or any(name in values for name in _TIMES):
            columns["timing"] = {name: values[name] for name in _TIMES if values.get(name) is not None}
        if values.get(_MESSAGE) is not None:
            columns["input"] = {_MESSAGE: values[_MESSAGE]}
        if "input" in columns:
            check_expressions(columns["input"], "input")
        return {**columns, **_target(developer, values)}

    def replace(self, *, developer: Developer, row_id: UUID, values: Values) -> Schedule:
        self._check_change(developer, row_id, values)
        return super().replace(developer=developer, row_id=row_id, values=values)

    def patch(self, *, developer: Developer, row_id: UUID, values: Values) -> Schedule:
        self._check_change(developer, row_id, values)
        return super().patch(developer=developer, row_id=row_id, values=values)

    def _check_change(self, developer: Developer, row_id: UUID, values: Values) -> None:
        """A task is given no message, a session has one."""
        row = self.get(developer, row_id)
        is_task = _target(developer, values).get("target", row.target) == Target.TASK
        _check_given(is_task, {_MESSAGE: None if is_task else row.input.get(_MESSAGE), **values})

    def insert(self, row: Schedule, values: Values) -> None:
        """Store it with its first time."""
        # Of several that are made at once, each sees those before it.
        Developer.objects.select_for_update(no_key=True).get(pk=row.developer_id)
        if has_more_than(self.model.objects.filter(developer=row.developer_id), settings.MAX_SCHEDULES - 1):
            raise TooManySchedules(f"A developer has at most {settings.MAX_SCHEDULES} schedules")
        if row.task_id is None and row.session_id is None:
            raise invalid(["task_id"], "missing")
        _check_given(row.task_id is not None, values)
        row.version_number = _pinned(row)
        row.key_id = current_attribution().key_id
        now = database_now()
        self._set_times(row, row.timing, now)
        row.save(force_insert=True)

    def prepare_change(self, row: Schedule, columns: dict[str, Any]) -> None:
        """Times that are said anew count from now on."""
        before, row.target = row.target, columns.get("target", row.target)
        row.task_id = columns.get("task_id", row.task_id)
        if row.target == Target.SESSION and _MESSAGE not in columns.get("input", {_MESSAGE: ""}):
            columns["input"] = row.input
        elif before == Target.SESSION and row.target == Target.TASK:
            columns.setdefault("input", {})
        if "timing" in columns or "starts_at" in columns or "ends_at" in columns or "jitter" in columns:
            self._change_times(row, columns)
        if columns.get("pin", row.pin) != row.pin or "target" in columns:
            columns["version_number"] = _pinned(row, columns.get("pin"))

    def _change_times(self, row: Schedule, columns: dict[str, Any]) -> None:
        said, starts_at = columns.pop("timing", None), row.starts_at
        for name in ("starts_at", "ends_at", "jitter"):
            setattr(row, name, columns.get(name, getattr(row, name)))
        before = {name: value for name, value in row.timing.items() if name != "anchor"}
        timing = before if said is None else {**before, **said}
        is_said = said is not None and any(kind in said for kind in KINDS)
        if said is not None and is_said:
            timing = {"timezone": before["timezone"], **said}
        if is_said or timing != before or row.starts_at != starts_at:
            self._set_times(row, timing, database_now())
        else:
            self._keep_times(row, database_now())
        if row.state == ScheduleState.ENDED:
            row.state = ScheduleState.ACTIVE
        columns |= {name: getattr(row, name) for name in ("timing", "state", "next_nominal", "due_at")}

    def _set_times(self, row: Schedule, said: Mapping[str, Any], now: datetime) -> None:
        """Let the row have these times, from now on."""
        row.timing = {"timezone": "UTC", **said}
        if row.timing.get("every") is not None:
            anchor = row.starts_at or now
            row.timing["anchor"] = anchor.isoformat()
        self._move_to(row, checked_timing(row).next_after(now))

    def _keep_times(self, row: Schedule, now: datetime) -> None:
        """Let the row have its times as before, within other bounds or spread otherwise: one that has come and is not
        due yet stays its next."""
        timing, nominal = checked_timing(row), row.next_nominal
        if nominal is None or (row.ends_at is not None and nominal >= row.ends_at):
            nominal = timing.next_after(now)
        self._move_to(row, nominal)

    def _move_to(self, row: Schedule, nominal: datetime | None) -> None:
        move_to(row, nominal)
        if row.next_nominal is None:
            raise invalid([next(kind for kind in KINDS if kind in row.timing)], "value_error", msg=_NO_TIMES)
        if row.timing.get("every") is not None and row.jitter > row.timing["every"]:
            raise invalid(["jitter"], "value_error", msg="it is longer than the time from one run to the next")

    def settings_of(self, row: Schedule) -> dict[str, Any]:
        """What the audit log keeps."""
        found = super().settings_of(row)
        moments = {name: value and to_wire(value) for name, value in found.items() if name in ("starts_at", "ends_at")}
        about = {"target": row.target, "task_id": str(row.task_id or ""), "session_id": str(row.session_id or "")}
        return {**found, **moments, **about, "timing": row.timing}


_NO_TIMES = "none of its times is still to come"


def _target(developer: Developer, values: Values) -> dict[str, Any]:
    """The task or the session that values name, as columns.

    Raises:
        NotFound
    """
    task_id, session_id = values.get("task_id"), values.get("session_id")
    if task_id is not None and session_id is not None:
        raise invalid(["session_id"], "value_error", msg="give a task or a session, not both")
    if task_id is not None:
        return {"target": Target.TASK, "task_id": get_task(developer, task_id).pk, "session_id": None}
    if session_id is not None:
        return {"target": Target.SESSION, "task_id": None, "session_id": get_session(developer, session_id).pk}
    return {}


def _check_given(is_task: bool, values: Values) -> None:
    """A task is given an input, a session a message."""
    if is_task and values.get(_MESSAGE) is not None:
        raise invalid([_MESSAGE], "value_error", msg="a task is given an `input`")
    if not is_task and values.get(_MESSAGE) is None:
        raise invalid([_MESSAGE], "missing")


def _pinned(row: Schedule, pin: str | None = None) -> int | None:
    """The number of the version that is run, where it is not the newest."""
    if row.task_id is None or (pin or row.pin) == Pin.LATEST:
        return None
    number: int = get_task(row.developer, row.task_id).version_number
    return number


SERVICES = ScheduleServices()


def get_schedule(developer: Developer, schedule_id: UUID) -> Schedule:
    """One schedule.

    Raises:
        NotFound
    """
    return SERVICES.get(developer, schedule_id)


def list_schedules(developer: Developer, **filters: Any) -> "QuerySet[Schedule]":
    """Those of a developer that have these values in these columns."""
    return SERVICES.rows(developer).filter(**filters)


def list_occurrences(developer: Developer, schedule_id: UUID) -> "QuerySet[Occurrence]":
    """What became of the times of a schedule.

    Raises:
        NotFound
    """
    schedule = get_schedule(developer, schedule_id)
    rows: QuerySet[Occurrence] = Occurrence.objects.for_developer(developer)
    return rows.filter(schedule=schedule)


@transaction.atomic
def pause_schedule(*, developer: Developer, schedule_id: UUID, reason: str = "") -> Schedule:
    """Let it fire no more. What it has begun goes on; what waits waits until it is resumed.

    Raises:
        NotFound. Conflict: it has ended.
    """
    row = _locked(developer, schedule_id)
    if row.state == ScheduleState.ENDED:
        raise Conflict("The schedule has no further times")
    if row.state == ScheduleState.ACTIVE:
        Schedule.objects.filter(pk=row.pk).update(
            state=ScheduleState.PAUSED,
            paused_reason=reason,
            paused_by=actor_to_json(),
            paused_at=DatabaseNow(),
            updated_at=DatabaseNow(),
        )
        # Nobody has to look at what waits until it is resumed.
        Occurrence.objects.filter(schedule=row, state=OccurrenceState.WAITING).update(due_at=None)
        record(developer.pk, Act(Verb.PAUSE, ObjectKind.SCHEDULE, row.pk, row.name, after={"reason": reason}))
    return get_schedule(developer, schedule_id)


@transaction.atomic
def resume_schedule(*, developer: Developer, schedule_id: UUID) -> Schedule:
    """Let it fire again, from now on: times that went by while it was paused are none.

    Raises:
        NotFound. InvalidInput: from `timing_of`.
    """
    row = _locked(developer, schedule_id)
    if row.state == ScheduleState.PAUSED:
        row.state, row.failures = ScheduleState.ACTIVE, 0
        move_to(row, timing_of(row).next_after(database_now()))
        Schedule.objects.filter(pk=row.pk).update(
            state=row.state,
            failures=0,
            paused_reason=None,
            paused_by=None,
            paused_at=None,
            next_nominal=row.next_nominal,
            due_at=row.due_at,
            updated_at=DatabaseNow(),
        )
        _attend(developer, schedule_id)
        record(developer.pk, Act(Verb.RESUME, ObjectKind.SCHEDULE, row.pk, row.name))
    return get_schedule(developer, schedule_id)


@transaction.atomic
def run_schedule(*, developer: Developer, schedule_id: UUID) -> Occurrence:
    """Begin what it begins now, as its overlap policy lets it; a paused one, too.

    Raises:
        NotFound
    """
    row = _locked(developer, schedule_id)
    now = database_now()
    while Occurrence.objects.filter(schedule=row, nominal=now).exists():
        now += _MILLISECOND
    _attend(developer, schedule_id, asked=now)
    record(developer.pk, Act(Verb.RUN, ObjectKind.SCHEDULE, row.pk, row.name))
    return Occurrence.objects.get(schedule=row, nominal=now)


@transaction.atomic
def backfill_schedule(*, developer: Developer, schedule_id: UUID, since: datetime, until: datetime) -> dict[str, int]:
    """Begin what it would have begun at its times from `since` up to and including `until`, but for those that it knows
    already: one after the other, the oldest first, or all at once where they may overlap.

    Raises:
        NotFound. BadRequest: the range reaches into the future. TooManyTimes. InvalidInput: from `timing_of`.
    """
    row = _locked(developer, schedule_id)
    if until > database_now() or since > until:
        raise BadRequest("A range to fill in begins before it ends, and ends before now")
    if since.year <= FIRST_YEAR:
        raise BadRequest(f"A range to fill in begins after the year {FIRST_YEAR}")
    times = _times_between(row, since, until)
    rows = Occurrence.objects.filter(schedule=row, nominal__in=times)
    known = set(rows.values_list("nominal", flat=True))
    made = [_backfilled(row, nominal) for nominal in times if nominal not in known]
    waiting = Occurrence.objects.filter(schedule=row, state=OccurrenceState.WAITING, source=Source.BACKFILL)
    if has_more_than(waiting, settings.SCHEDULE_MAX_BACKFILL - len(made)):
        raise TooManyTimes(f"More than {_most_backfilled()} would wait, with those of earlier backfills")
    Occurrence.objects.bulk_create(made, batch_size=_AT_ONCE)
    if made:
        _attend(developer, schedule_id)
    after = {"since": to_wire(since), "until": to_wire(until), "count": len(made)}
    record(developer.pk, Act(Verb.BACKFILL, ObjectKind.SCHEDULE, row.pk, row.name, after=after))
    return {"created": len(made), "existing": len(known)}


def _times_between(row: Schedule, since: datetime, until: datetime) -> list[datetime]:
    found: list[datetime] = []
    for nominal in timing_of(row).after(since - datetime.resolution):
        if nominal > until:
            break
        if len(found) == settings.SCHEDULE_MAX_BACKFILL:
            raise TooManyTimes(f"There are more than {_most_backfilled()} in this range")
        found.append(nominal)
    return found


def _most_backfilled() -> str:
    return f"{settings.SCHEDULE_MAX_BACKFILL} times (setting SCHEDULE_MAX_BACKFILL)"


def _backfilled(row: Schedule, nominal: datetime) -> Occurrence:
    return Occurrence(
        id=uuid7(),
        developer_id=row.developer_id,
        schedule=row,
        nominal=nominal,
        source=Source.BACKFILL,
        target=row.target,
        state=OccurrenceState.WAITING,
    )


def _locked(developer: Developer, schedule_id: UUID) -> Schedule:
    """The schedule, whose lock comes after that of its task."""
    keep_tasks(list(Schedule.objects.filter(pk=schedule_id, developer=developer).values_list("task_id", flat=True)))
    rows = Schedule.objects.for_developer(developer).select_for_update()
    row: Schedule = get_or_not_found(rows, schedule_id, "Schedule")
    return row


def _attend(developer: Developer, schedule_id: UUID, *, asked: datetime | None = None) -> None:
    """Decide at once about what is open of it; its row and its task are locked."""
    carry_out(list(Schedule.objects.for_developer(developer).filter(pk=schedule_id)), asked=asked)
