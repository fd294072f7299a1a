"""One look at some schedules: decides about all that has come, and writes it in the transaction of their locks.

A time, the run that it begins and the next time are written together, so none is lost and none comes twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from agents.audit.recording import Act, record_each
from agents.audit.verbs import ObjectKind, Verb
from agents.webhooks.types import EventType
from executions.engine.dispatch import dispatcher
from executions.engine.observing import note_start
from executions.engine.start import insert_runs
from executions.models import Execution
from executions.schedules.actors import actor_of
from executions.schedules.inputs import evaluate
from executions.schedules.messages import QUEUED, message_of
from executions.schedules.models import (
    OPEN,
    Occurrence,
    OccurrenceState,
    Overlap,
    Pin,
    Schedule,
    ScheduleState,
    Source,
    Target,
)
from executions.schedules.ticking import reasons
from executions.schedules.ticking.claiming import MOST_INPUT
from executions.schedules.ticking.deciding import TIMES_AT_ONCE, Instead, Line, is_paused_by, times_come
from executions.schedules.ticking.gates import LOOK_AGAIN, Gates
from executions.schedules.ticking.writing import add_occurrences, write_schedules
from executions.schedules.times.jitter import due_of
from executions.schedules.timings import timing_of
from executions.schedules.told import Told, tell_each
from executions.services import cancel_execution, check_input
from julep_project.core.actor import SYSTEM, acting_as, current_actor
from julep_project.core.clock import DatabaseNow
from julep_project.core.database import fetch
from julep_project.core.errors import BadRequest, DomainError, InvalidInput, NotFound, ServiceUnavailable
from julep_project.core.ids import uuid7
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.schemas.schema_defaults import with_defaults
from julep_project.core.telemetry.tracing import new_traceparent
from tasks.models import Task
from tasks.selectors import version_of

# What one transaction writes at most; the rest has its turn with the next.
MOST_OCCURRENCES = 1000


@dataclass(slots=True)
class Round:
    """Decisions about schedules whose rows are locked. `ask` adds what a person wants begun beside what is due."""

    now: datetime
    gates: Gates
    tasks: Mapping[UUID, Task]
    new: list[Occurrence] = field(default_factory=list)
    changed: list[Occurrence] = field(default_factory=list)
    settled: list[UUID] = field(default_factory=list)
    runs: list[tuple[Schedule, Execution]] = field(default_factory=list)
    dirty: list[Schedule] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    given: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the rest has its turn with the next round."""
        return len(self.new) + len(self.changed) >= MOST_OCCURRENCES or self.given >= MOST_INPUT

    # -- deciding -------------------------------------------------------------------------------------------------

    def attend(
        self, schedule: Schedule, line: Line, ended: Sequence[Occurrence], known: set[datetime], asked: datetime | None
    ) -> None:
        """Decide about one schedule: what has ended, what waits, and the times that have come."""
        self._settle(schedule, ended)
        if schedule.state != ScheduleState.PAUSED:
            for occurrence in line.next_ready(self.now):
                self.changed.append(occurrence)
                self._begin(schedule, line, occurrence)
                if self.is_full or schedule.state == ScheduleState.PAUSED:
                    break
        if asked is not None:
            self._place(schedule, line, self._occurrence(schedule, asked, Source.MANUAL))
        if schedule.state == ScheduleState.ACTIVE:
            self._fire(schedule, line, known)
        self._leave(line, is_paused=schedule.state == ScheduleState.PAUSED)

    def _leave(self, line: Line, *, is_paused: bool) -> None:
        """Say when somebody has to look at what goes on waiting: at once where more are ready than are begun together,
        else when what it waits for has ended, or the schedule is resumed, which it is told of."""
        for place, occurrence in enumerate(line.waiting):
            due_at = self.now if place == 0 and line.is_free_for(occurrence) and not is_paused else None
            is_now = is_paused or occurrence.due_at is None or occurrence.due_at <= self.now
            if is_now and occurrence.due_at != due_at:
                occurrence.due_at = due_at
                self.changed.append(occurrence)

    def _settle(self, schedule: Schedule, ended: Sequence[Occurrence]) -> None:
        """Hear of what has ended, and pause the schedule if that is a failure too many."""
        if not ended:
            return
        before = schedule.failures
        self.settled += [each.pk for each in ended]
        self._note_ends(schedule, ended)
        if schedule.failures != before or schedule.state == ScheduleState.PAUSED:
            self.dirty.append(schedule)

    def _note_ends(self, schedule: Schedule, ended: Sequence[Occurrence]) -> None:
        for each in ended:
            if each.state == OccurrenceState.FAILED:
                self._tell(EventType.SCHEDULE_FAILED, schedule, occurrence_id=str(each.pk), reason=each.reason)
        why = is_paused_by(schedule, ended, settings.SCHEDULE_MAX_FAILURES)
        if why and schedule.state == ScheduleState.ACTIVE:
            self._pause(schedule, why)

    def _pause(self, schedule: Schedule, why: str) -> None:
        schedule.state, schedule.paused_reason = ScheduleState.PAUSED, why
        schedule.paused_by, schedule.paused_at = {"kind": SYSTEM.kind.value}, self.now
        self._tell(EventType.SCHEDULE_PAUSED, schedule, reason=why)

    def _tell(self, event: EventType, schedule: Schedule, **data: str) -> None:
        self.told.append((event, schedule, data))

    def _fire(self, schedule: Schedule, line: Line, known: set[datetime]) -> None:
        try:
            timing = timing_of(schedule)
        except InvalidInput as error:
            # Trying again would read no more.
            self._pause(schedule, reasons.told(reasons.TIMES, error.explanation))
            self.dirty.append(schedule)
            return
        come = times_come(schedule, timing, self.now, settings.SCHEDULE_LATE_SECONDS)
        if not come.times:
            if schedule.due_at is not None and schedule.due_at <= self.now:
                # It was said to be due before it is: nobody should look until then.
                move_to(schedule, come.following)
                self.dirty.append(schedule)
            return
        following = come.following
        for due in come.times:
            if self.is_full:
                following = due.nominal
                break
            if due.nominal in known:
                continue
            occurrence = self._occurrence(schedule, due.nominal, Source.SCHEDULE)
            if due.reason:
                self._stand(schedule, occurrence, Instead(OccurrenceState.SKIPPED, due.reason))
            elif schedule.state == ScheduleState.ACTIVE:
                self._place(schedule, line, occurrence)
            else:
                # A time before it has paused the schedule.
                self._stand(schedule, occurrence, Instead(OccurrenceState.SKIPPED, reasons.PAUSED))
        move_to(schedule, following)
        self.dirty.append(schedule)

    def _occurrence(self, schedule: Schedule, nominal: datetime, source: Source) -> Occurrence:
        occurrence = Occurrence(
            id=uuid7(),
            developer_id=schedule.developer_id,
            schedule=schedule,
            nominal=nominal,
            source=source,
            target=schedule.target,
        )
        self.new.append(occurrence)
        return occurrence

    def _place(self, schedule: Schedule, line: Line, occurrence: Occurrence) -> None:
        """Begin a new occurrence, as far as what is open of the schedule lets it."""
        instead = line.why_not(settings.SCHEDULE_MAX_WAITING)
        if instead is not None:
            self._stand(schedule, occurrence, instead)
            if instead.state == OccurrenceState.WAITING:
                line.waiting.append(occurrence)
            return
        self._begin(schedule, line, occurrence)

    def _begin(self, schedule: Schedule, line: Line, occurrence: Occurrence) -> None:
        task = None if schedule.task_id is None else self.tasks[schedule.task_id]
        ends_old = line.ends_old(occurrence)
        instead = self.gates.why_not(schedule, occurrence, task, line.started if ends_old else ())
        if instead is None:
            instead = self._refusal(schedule, occurrence, task)
        if instead is None:
            if ends_old:
                self._end_old(schedule, line, occurrence)
            line.started.append(occurrence)
            return
        most = settings.SCHEDULE_MAX_WAITING
        is_waiting = instead.state == OccurrenceState.WAITING
        if is_waiting and occurrence.source != Source.BACKFILL and not ends_old and line.own_count >= most:
            instead = Instead(OccurrenceState.SKIPPED, reasons.told(reasons.QUEUE_FULL, f"{most} wait already"))
        self._stand(schedule, occurrence, instead)
        if instead.state == OccurrenceState.WAITING:
            if ends_old:
                self._replace_waiting(schedule, line, occurrence)
            occurrence.due_at = self.now + LOOK_AGAIN
            line.waiting.insert(0, occurrence)
            line.is_held = True

    def _refusal(self, schedule: Schedule, occurrence: Occurrence, task: Task | None) -> Instead | None:
        """Begin it; else what is wrong with what it would be given."""
        try:
            given = evaluate(schedule.input, schedule, occurrence.nominal, self.now)
            self.given += len(to_json_text(given))
            if task is None:
                occurrence.input, occurrence.due_at = message_of(given, schedule.session_id, schedule.overlap), self.now
            else:
                execution = self._run(schedule, task, given, occurrence)
                occurrence.execution_id, occurrence.due_at = execution.pk, None
                self.runs.append((schedule, execution))
        except ServiceUnavailable:
            # That says nothing of the input: the schedule is set aside.
            raise
        except DomainError as error:
            return Instead(OccurrenceState.FAILED, reasons.told(reasons.INVALID, error.explanation))
        occurrence.state, occurrence.reason, occurrence.started_at = OccurrenceState.STARTED, "", self.now
        return None

    def _run(self, schedule: Schedule, task: Task, given: Any, occurrence: Occurrence) -> Execution:
        number = schedule.version_number if schedule.pin == Pin.VERSION else None
        version = version_of(task.pk, number or task.version_number)
        if not isinstance(given, dict):
            raise BadRequest("The input of a run is an object")
        whole = with_defaults(version.input_schema or {}, given)
        check_input(version, whole)
        return Execution(
            id=uuid7(),
            developer_id=schedule.developer_id,
            task=task,
            task_version=version,
            input=whole,
            metadata={"schedule_id": str(schedule.pk), "occurrence_id": str(occurrence.pk)},
            key_id=schedule.key_id,
            traceparent=new_traceparent(),
        )

    def _stand(self, schedule: Schedule, occurrence: Occurrence, instead: Instead) -> None:
        """Say why an occurrence is not begun."""
        occurrence.state, occurrence.reason = instead.state, instead.reason
        if instead.state == OccurrenceState.WAITING:
            return
        occurrence.ended_at, occurrence.due_at, occurrence.is_settled = self.now, None, True
        if instead.state == OccurrenceState.SKIPPED:
            self._tell(EventType.SCHEDULE_SKIPPED, schedule, occurrence_id=str(occurrence.pk), reason=instead.reason)
        else:
            self._note_ends(schedule, [occurrence])
            self.dirty.append(schedule)

    def _end_old(self, schedule: Schedule, line: Line, new: Occurrence) -> None:
        """End what was begun before, and let what waits be replaced by what is new, which can begin."""
        unwritten = {execution.pk for _, execution in self.runs} - {new.execution_id}
        for occurrence in line.started:
            if occurrence.execution_id in unwritten:
                self._take_back(schedule, occurrence)
                continue
            if occurrence.execution_id is None:
                occurrence.version += 1
                occurrence.state, occurrence.reason = OccurrenceState.CANCELLED, reasons.REPLACED
                occurrence.ended_at, occurrence.lease_until, occurrence.is_settled = self.now, None, True
                self.changed.append(occurrence)
                continue
            try:
                # Its occurrence hears of it from the database.
                with acting_as(actor_of(schedule)):
                    cancel_execution(
                        developer=schedule.developer, execution_id=occurrence.execution_id, reason=reasons.REPLACED
                    )
            except (BadRequest, NotFound):
                # It has ended meanwhile.
                continue
        line.started.clear()
        self._replace_waiting(schedule, line, new)

    def _take_back(self, schedule: Schedule, occurrence: Occurrence) -> None:
        """Let a run of this round be none: the next one has come before it was written."""
        self.runs = [each for each in self.runs if each[1].pk != occurrence.execution_id]
        occurrence.execution_id = occurrence.started_at = None
        self._stand(schedule, occurrence, Instead(OccurrenceState.SKIPPED, reasons.REPLACED))
        self.changed.append(occurrence)

    def _replace_waiting(self, schedule: Schedule, line: Line, new: Occurrence) -> None:
        replaced = [each for each in line.own if each.nominal < new.nominal]
        for occurrence in replaced:
            self._stand(schedule, occurrence, Instead(OccurrenceState.SKIPPED, reasons.REPLACED))
            self.changed.append(occurrence)
        line.waiting = [each for each in line.waiting if each not in replaced]

    # -- writing --------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write all of it, and ring for what is begun once it is there for all."""
        executions = [execution for _, execution in self.runs]
        if executions:
            for started in insert_runs(executions):
                if started.has_turn:
                    ring = partial(dispatcher().advance, started.branch_id, is_surplus=started.is_surplus)
                    transaction.on_commit(ring)
            record_each(_acts(self.runs))
            for execution in executions:
                transaction.on_commit(partial(note_start, execution, execution.task.name))
        add_occurrences(self.new)
        made = {each.pk for each in self.new}
        for occurrence in {each.pk: each for each in self.changed if each.pk not in made}.values():
            _update(occurrence)
        if self.settled:
            Occurrence.objects.filter(pk__in=self.settled).update(is_settled=True)
        tell_each(self.told)
        write_schedules(list({each.pk: each for each in self.dirty}.values()))
        for occurrence in (*self.new, *self.changed):
            is_message = occurrence.state == OccurrenceState.STARTED and occurrence.target == Target.SESSION
            if is_message and QUEUED.add(occurrence.pk, occurrence.developer_id):
                transaction.on_commit(partial(QUEUED.ring, occurrence.pk))


def move_to(schedule: Schedule, nominal: datetime | None) -> None:
    """Let this be the next time that is decided about; without one the schedule has ended."""
    schedule.next_nominal = nominal
    schedule.due_at = None if nominal is None else due_of(nominal, schedule.pk, schedule.jitter)
    if nominal is None and schedule.state == ScheduleState.ACTIVE:
        schedule.state = ScheduleState.ENDED


def carry_out(schedules: Sequence[Schedule], *, asked: datetime | None = None) -> Round:
    """Decide about these schedules, whose rows and tasks are locked, and write it. With `asked`, each also begins an
    occurrence of that time for whoever acts."""
    tasks = Task.objects.filter(pk__in={each.task_id for each in schedules if each.task_id is not None})
    [(now,)] = fetch("SELECT now()")
    gates = Gates(now, settings.SCHEDULE_LATE_SECONDS)
    one = Round(now, gates, {task.pk: task for task in tasks.only("id", "name", "version_number", "agent_id")})
    lines, ended = _lines(schedules)
    known = _known(schedules, now)
    _lock_old(lines.values())
    for schedule in schedules:
        if one.is_full:
            break
        one.attend(schedule, lines[schedule.pk], ended.get(schedule.pk, ()), known.get(schedule.pk, set()), asked)
    one.write()
    return one


def _lines(schedules: Sequence[Schedule]) -> tuple[dict[UUID, Line], dict[UUID, list[Occurrence]]]:
    """What is open of each, and what has ended without its having heard of it."""
    lines = {each.pk: Line(each.overlap) for each in schedules}
    ended: dict[UUID, list[Occurrence]] = {}
    for occurrence in _open(list(lines)):
        line = lines[occurrence.schedule_id]
        match occurrence.state:
            case OccurrenceState.STARTED:
                line.started.append(occurrence)
            case OccurrenceState.WAITING:
                line.waiting.append(occurrence)
            case _:
                ended.setdefault(occurrence.schedule_id, []).append(occurrence)
    for schedule_id, line in lines.items():
        if len(line.waiting) >= TIMES_AT_ONCE:
            line.further = _own_waiting(schedule_id) - len(line.own)
    return lines, ended


_FIRST = (
    "SELECT o.id FROM schedules_occurrence o WHERE o.schedule_id = s.id AND {kind} ORDER BY o.nominal LIMIT %(most)s"
)
_OPEN = f"""
    SELECT found.id FROM unnest(%(ids)s::uuid[]) AS s(id) CROSS JOIN LATERAL (
        ({_FIRST.format(kind="o.state = 'waiting'")})
        UNION ALL ({_FIRST.format(kind="o.state = 'started'")})
        UNION ALL ({_FIRST.format(kind="o.state IN ('done', 'failed', 'cancelled') AND NOT o.is_settled")})
    ) AS found
"""
_LOCK_RUNS = """
    SELECT id FROM executions_execution WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""


def _lock_old(lines: Iterable[Line]) -> None:
    """Lock the runs that may be cancelled, in one order: others cancel many at once, too."""
    old = [each.execution_id for line in lines if line.overlap == Overlap.CANCEL_OLD for each in line.started]
    ids = [execution_id for execution_id in old if execution_id is not None]
    if ids:
        fetch(_LOCK_RUNS, {"ids": ids})


def _open(schedule_ids: Sequence[UUID]) -> Iterable[Occurrence]:
    """What is open of the schedules, or has ended without their having heard of it, in the order of times: of each kind
    the first so many of each schedule."""
    ids = [row_id for (row_id,) in fetch(_OPEN, {"ids": list(schedule_ids), "most": TIMES_AT_ONCE})]
    return sorted(Occurrence.objects.filter(pk__in=ids).defer("input"), key=lambda each: each.nominal)


def _own_waiting(schedule_id: UUID) -> int:
    waiting = Occurrence.objects.filter(schedule=schedule_id, state=OccurrenceState.WAITING)
    return waiting.exclude(source=Source.BACKFILL).count()


def _known(schedules: Sequence[Schedule], now: datetime) -> dict[UUID, set[datetime]]:
    """Times of the schedules that are occurrences already, of those that have not been decided about: a backfill may
    have come first, or somebody who runs it now."""
    due = [each for each in schedules if each.next_nominal is not None and each.next_nominal <= now]
    found: dict[UUID, set[datetime]] = {}
    if due:
        rows = Occurrence.objects.filter(schedule__in=due, nominal__gte=F("schedule__next_nominal"))
        for schedule_id, nominal in rows.values_list("schedule_id", "nominal"):
            found.setdefault(schedule_id, set()).add(nominal)
    return found


def _acts(runs: Sequence[tuple[Schedule, Execution]]) -> Iterator[tuple[UUID, Act]]:
    """That runs were begun: by whoever acts, or else by their schedules."""
    actor = current_actor()
    for schedule, execution in runs:
        with acting_as(actor_of(schedule) if actor == SYSTEM else actor):
            after = {"task": str(execution.task_id), "schedule": str(schedule.pk)}
            yield execution.developer_id, Act(Verb.CREATE, ObjectKind.EXECUTION, execution.pk, after=after)


_COLUMNS = "state reason input execution_id started_at ended_at is_settled due_at version lease_until".split()


def _update(occurrence: Occurrence) -> None:
    """Write how an occurrence stands that was open, unless its message has been sent meanwhile."""
    values = {name: getattr(occurrence, name) for name in _COLUMNS if name in occurrence.__dict__}
    was_open = Occurrence.objects.filter(pk=occurrence.pk, state__in=OPEN)
    was_open.update(**values, updated_at=DatabaseNow())
