"""A month of runs in minutes: what starts, pages and sweeps take before the tables have aged, and after.

Runs of days that are over are copied by SQL, and changed as claims and commits change them; what is too old goes by
retention. Real ones run in between. A day is over before autovacuum comes, so each begins with a vacuum, for all of
those that a real one has.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from agents.retention.kinds import KINDS, Expired
from agents.retention.pace import Pace
from executions.engine.dispatch import CeleryDispatcher
from executions.engine.sweep import sweep
from executions.selectors import list_executions, page_of_executions
from julep_project.bench import programs
from julep_project.bench.copies import copy_runs
from julep_project.bench.load import ClosedLoop
from julep_project.bench.table import Row, median, seconds_of
from julep_project.core.api.pagination import PageRequest
from julep_project.core.clock import now
from julep_project.core.database import execute, fetch
from tasks.models import Task

_STEPS = 9
_PAGE = PageRequest(limit=100, offset=0, sort_by="created_at", descending=True)
_TABLES = ["executions_execution", "executions_branch", "executions_transition"]
_MIB = 1024 * 1024

# No update of these is heap-only, as none is of those that change a status.
_CHANGE = (
    """
    UPDATE executions_branch b SET updated_at = b.updated_at + interval '1 ms' FROM executions_execution e
    WHERE e.id = b.execution_id AND e.task_id = %(task)s AND e.created_at > %(day)s AND e.created_at <= %(next)s
    """,
    """
    UPDATE executions_execution SET ended_at = ended_at + interval '1 ms', updated_at = updated_at + interval '1 ms'
    WHERE task_id = %(task)s AND created_at > %(day)s AND created_at <= %(next)s
    """,
)
_CHANGES = 2
_STANDING = """
    SELECT sum(n_dead_tup)::float, sum(n_live_tup)::float, sum(pg_total_relation_size(relid))::float
    FROM pg_stat_user_tables WHERE relname = ANY (%s)
"""


@dataclass(frozen=True)
class _Look:
    """How an installation is at a moment; milliseconds, and bytes of the tables with their indexes."""

    start: float
    page: float
    sweep: float
    dead: float
    size: float


@dataclass(frozen=True)
class _Month:
    """So many days of so many runs each, of which those of the last third are kept; the last day ends at `end`."""

    task: Task
    like: UUID
    end: datetime
    days: int
    runs: int
    real: int

    @property
    def kept(self) -> int:
        return max(1, self.days // 3)

    def pass_days(self, first: int, last: int) -> None:
        """Live through the days from `first` on, up to `last`, which is not lived through."""
        for day in range(first, last):
            execute(f"VACUUM (ANALYZE) {', '.join(_TABLES)}")
            begin = self.end - timedelta(days=self.days - day)
            copy_runs(self.like, begin, self.runs)
            times = {"task": self.task.pk, "day": begin, "next": begin + timedelta(days=1)}
            for _ in range(_CHANGES):
                for statement in _CHANGE:
                    execute(statement, times)
            ClosedLoop(lambda: programs.start(self.task), lambda: programs.unfinished(self.task)).run(self.real)
            before = begin + timedelta(days=1 - self.kept)
            KINDS["runs"].remove(Expired(self.task.developer_id, before), Pace())


def measure(days: int, runs: int, real: int, times: int) -> list[Row]:
    """(o) Days of so many runs each, and `real` ones among them: latencies, dead rows and sizes after the first day
    from which runs were removed, when as many are there as will ever be, and at the end."""
    task = programs.light_steps(_STEPS)
    like = programs.start(task)
    programs.wait_for_end(like)
    month = _Month(task, like, now(), days, runs, real)
    month.pass_days(0, month.kept + 1)
    young = _look(task, times)
    month.pass_days(month.kept + 1, days)
    old = _look(task, times)
    what = f"{days * runs:,} runs over {days} days, {month.kept} kept"
    rows = [
        _aged(f"{what}: start to first transition, p50", old.start, young.start, "ms"),
        _aged(f"{what}: page of {_PAGE.limit} runs, p50", old.page, young.page, "ms"),
        _aged(f"{what}: sweep, p50", old.sweep, young.sweep, "ms"),
        _aged(f"{what}: tables and indexes", old.size / _MIB, young.size / _MIB, "MiB"),
    ]
    return [*rows, Row("o", f"{what}: dead rows", old.dead, "%", aim="bounded", note=f"{young.dead:.1f} % before")]


def _aged(what: str, old: float, young: float, unit: str) -> Row:
    note = f"{young:.2f} {unit} before: {old / young:.2f} x"
    return Row("o", what, old, unit, aim="at most 1.3 x", note=note)


def _look(task: Task, times: int) -> _Look:
    # What autovacuum does while runs come over time.
    execute(f"ANALYZE {', '.join(_TABLES)}")
    page = list_executions(task.developer, task)
    dispatcher = CeleryDispatcher()
    execute("SELECT pg_stat_force_next_flush()")
    [(dead, live, size)] = fetch(_STANDING, [_TABLES])
    return _Look(
        start=_median_ms(times, lambda: _start(task)),
        page=_median_ms(times, lambda: seconds_of(lambda: page_of_executions(page, _PAGE))),
        sweep=_median_ms(times, lambda: seconds_of(lambda: sweep(dispatcher))),
        dead=100 * dead / (live + dead),
        size=size,
    )


def _start(task: Task) -> float:
    """Seconds to the first row of its log, while nothing else runs."""
    began = time.perf_counter()
    execution = programs.start(task)
    programs.wait_for_first_transition(execution)
    taken = time.perf_counter() - began
    programs.wait_for_end(execution)
    return taken


def _median_ms(times: int, measured: Callable[[], float]) -> float:
    measured()
    return median(measured() * 1e3 for _ in range(times))
