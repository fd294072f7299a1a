"""What becomes of the times of one schedule: decisions only, which read and write nothing.

Whoever carries them out holds the lock of the schedule's row, so nobody decides about the same at the same time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from executions.schedules.models import CatchUp, Occurrence, OccurrenceState, Overlap, Schedule, Source
from executions.schedules.ticking import reasons
from executions.schedules.times.jitter import due_of
from executions.schedules.times.timing import Timing

# So many times of one schedule are decided about at once; more follow.
TIMES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Due:
    """A time that has come. With a `reason`, it is skipped."""

    nominal: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Come:
    """The times that have come, and the first that has not been decided about."""

    times: Sequence[Due]
    following: datetime | None


def times_come(schedule: Schedule, timing: Timing, now: datetime, late_s: int) -> Come:
    """Which times of a schedule have come by now, in order, and which of them were missed for good."""
    found: list[Due] = []
    nominal = schedule.next_nominal
    if nominal is None:
        return Come(found, None)
    further = timing.after(nominal)
    due_at = nominal
    while nominal is not None and len(found) < TIMES_AT_ONCE:
        # Where times are nearer to each other than they are spread over, none is due before those before it.
        due_at = max(due_at, due_of(nominal, schedule.pk, schedule.jitter))
        if due_at > now:
            break
        following = next(further, None)
        found.append(Due(nominal, _why_missed(schedule, now - due_at, following, now, late_s)))
        nominal = following
    return Come(found, nominal)


def _why_missed(schedule: Schedule, late: timedelta, following: datetime | None, now: datetime, late_s: int) -> str:
    """Why a time is not caught up with; empty for one that is, or that comes in time."""
    if late <= timedelta(seconds=late_s):
        return ""
    by = f"it was due {round(late.total_seconds())} s ago"
    if schedule.catch_up == CatchUp.NONE:
        return reasons.told(reasons.MISSED, by)
    if late > timedelta(seconds=schedule.catch_up_window):
        return reasons.told(reasons.MISSED, f"{by}, longer than catch_up_window")
    if schedule.catch_up == CatchUp.ALL:
        return ""
    is_newest = following is None or due_of(following, schedule.pk, schedule.jitter) > now
    return "" if is_newest else reasons.told(reasons.MISSED, f"{by}, and a later time stands for it")


@dataclass(slots=True)
class Line:
    """What is open of a schedule: what it has begun, and what waits, the oldest first.

    Decisions change it, so that each sees those before it.
    """

    overlap: str
    started: list[Occurrence] = field(default_factory=list)
    waiting: list[Occurrence] = field(default_factory=list)
    # So many more than those wait, but for what a backfill has put there.
    further: int = 0
    # One of them has to wait for something else, and those behind it for that one.
    is_held: bool = False

    def is_free_for(self, occurrence: Occurrence) -> bool:
        """Whether nothing in it keeps this one from being begun."""
        is_first = self.overlap == Overlap.ALLOW or not self.started
        return not self.is_held and (is_first or self.ends_old(occurrence))

    def ends_old(self, occurrence: Occurrence) -> bool:
        """Whether what was begun before is cancelled when this is begun."""
        return self.overlap == Overlap.CANCEL_OLD and occurrence.source != Source.BACKFILL

    @property
    def own(self) -> list[Occurrence]:
        """What waits but for what a backfill has put there."""
        return [each for each in self.waiting if each.source != Source.BACKFILL]

    @property
    def own_count(self) -> int:
        return len(self.own) + self.further

    def next_ready(self, now: datetime) -> Iterator[Occurrence]:
        """Those that wait and may be begun now, in order. Each has to be begun, ended or let wait again before the next
        is asked for."""
        for occurrence in self.waiting[:TIMES_AT_ONCE]:
            if not self.is_free_for(occurrence) or (occurrence.due_at is not None and occurrence.due_at > now):
                return
            self.waiting.remove(occurrence)
            yield occurrence

    def why_not(self, most_waiting: int) -> "Instead | None":
        """What is done with a new time in place of beginning it; None: it is begun.

        What a backfill has put into the line has no say but while it runs.
        """
        ahead = self.own
        if self.overlap == Overlap.ALLOW or self.overlap == Overlap.CANCEL_OLD or not (self.started or ahead):
            return None
        first = self.started[0] if self.started else ahead[0]
        detail = f"what began for {first.nominal.isoformat(timespec='seconds')} has not ended"
        if self.overlap == Overlap.SKIP:
            return Instead(OccurrenceState.SKIPPED, reasons.told(reasons.OVERLAP, detail))
        most = 1 if self.overlap == Overlap.QUEUE_ONE else most_waiting
        if self.own_count >= most:
            return Instead(OccurrenceState.SKIPPED, reasons.told(reasons.QUEUE_FULL, f"{most} wait already"))
        return Instead(OccurrenceState.WAITING, reasons.told(reasons.OVERLAP, detail))


@dataclass(frozen=True, slots=True)
class Instead:
    """How an occurrence stands that is not begun."""

    state: OccurrenceState
    reason: str


def is_paused_by(schedule: Schedule, ended: Sequence[Occurrence], usual_most: int) -> str:
    """Count how runs have ended, the first first. Why the schedule has to be paused; empty if it has not."""
    most = usual_most if schedule.max_failures is None else schedule.max_failures
    for occurrence in ended:
        if occurrence.state == OccurrenceState.DONE:
            schedule.failures = 0
        elif occurrence.state == OccurrenceState.FAILED:
            schedule.failures += 1
            if most and schedule.failures >= most:
                return f"{schedule.failures} failures in a row; the last: {occurrence.reason or 'no reason is known'}"
    return ""
