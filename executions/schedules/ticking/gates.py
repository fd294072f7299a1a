"""What keeps a run or a message from being begun: limits, pauses, and developers that are switched off."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from agents.access.developers import find_developer
from agents.access.errors import InvalidUserAccount
from agents.models import Developer
from agents.spending.free_tier import check_executions
from executions import selectors
from executions.models import AT_WORK, Execution
from executions.schedules.models import CatchUp, Occurrence, OccurrenceState, Schedule, Source
from executions.schedules.ticking import reasons
from executions.schedules.ticking.deciding import Instead
from julep_project.core.errors import Forbidden
from julep_project.core.pauses.models import PauseScope
from julep_project.core.pauses.standing import pause_of
from julep_project.core.rates.limits import limits_of
from tasks.models import Task

# Between looks at whether it may be begun by now.
LOOK_AGAIN = timedelta(seconds=5)


@dataclass(slots=True)
class Gates:
    """Looks once for what is begun together. `late_s` is how long it may wait where nothing is caught up with."""

    now: datetime
    late_s: int
    _places: dict[UUID, int | None] = field(default_factory=dict)
    _refused: dict[UUID, str] = field(default_factory=dict)
    _standings: dict[UUID, str] = field(default_factory=dict)

    def why_not(
        self, schedule: Schedule, occurrence: Occurrence, task: Task | None, ending: Sequence[Occurrence] = ()
    ) -> Instead | None:
        """Why an occurrence is not begun now; None: it is, and takes the place of one run. Runs that would be ended for
        it leave theirs."""
        reason = self._standing(schedule.developer_id)
        if not reason and task is not None:
            refused = self._refusal(schedule.developer_id, task)
            if refused:
                return Instead(OccurrenceState.SKIPPED, reasons.told(reasons.LIMIT, refused))
            leave = [each.execution_id for each in ending if each.execution_id is not None]
            reason = self._place(schedule.developer_id, leave)
        if not reason:
            return None
        if self.now - occurrence.nominal > self._patience(schedule, occurrence):
            return Instead(OccurrenceState.SKIPPED, reason)
        return Instead(OccurrenceState.WAITING, reason)

    def _patience(self, schedule: Schedule, occurrence: Occurrence) -> timedelta:
        if occurrence.source == Source.BACKFILL:
            return timedelta.max
        window = 0 if schedule.catch_up == CatchUp.NONE else schedule.catch_up_window
        return timedelta(seconds=max(window, self.late_s) + schedule.jitter)

    def _standing(self, developer_id: UUID) -> str:
        """What keeps all that is the developer's from being begun."""
        if developer_id not in self._standings:
            pause = pause_of(PauseScope.INTAKE)
            developer = _developer(developer_id)
            found = ""
            if pause is not None:
                found = reasons.told(reasons.PAUSED, f"no new work is taken: {pause.reason}")
            elif developer is None or not developer.active:
                found = reasons.told(reasons.INACTIVE, "the developer is switched off")
            self._standings[developer_id] = found
        return self._standings[developer_id]

    def _refusal(self, developer_id: UUID, task: Task) -> str:
        """What the free tier says to one run more of the task."""
        if task.pk not in self._refused:
            developer = find_developer(developer_id)
            try:
                check_executions(developer, partial(selectors.list_executions, developer, task))
                self._refused[task.pk] = ""
            except Forbidden as error:
                self._refused[task.pk] = error.message
        return self._refused[task.pk]

    def _place(self, developer_id: UUID, ending: Sequence[UUID]) -> str:
        """Take one of the places for runs at work; why there is none."""
        most = limits_of(developer_id).runs
        if not most:
            return ""
        left = self._places.get(developer_id)
        if left is None:
            at_work = Execution.objects.filter(developer_id=developer_id, status__in=AT_WORK).order_by()
            left = most - at_work[:most].count()
        if left <= 0 and ending:
            left += Execution.objects.filter(pk__in=ending, status__in=AT_WORK).count()
        self._places[developer_id] = max(left - 1, 0)
        return "" if left > 0 else reasons.told(reasons.LIMIT, f"{most} runs of this developer are at work")


def _developer(developer_id: UUID) -> Developer | None:
    try:
        return find_developer(developer_id)
    except InvalidUserAccount:
        return None
