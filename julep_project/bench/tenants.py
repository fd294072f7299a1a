"""How long one developer's single run takes to begin and to end while another one has very many."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import connection, transaction

from agents.models import Agent, Developer
from executions.models import Execution
from julep_project.bench import programs
from julep_project.bench.table import Row, percentile
from julep_project.core.database import execute, fetch
from tasks.models import Task

# Held back, as runs are that are started while others of the developer wait.
_COPY = """
    WITH run AS (
        INSERT INTO executions_execution (id, developer_id, task_id, task_version_id, status, input, state, metadata,
                                          transition_count, runnable, open_waits, depth, created_at)
        SELECT gen_random_uuid(), developer_id, task_id, task_version_id, 'queued', input, state, metadata, 0, 1, 0, 0,
               now() + make_interval(secs => n * 0.001)
        FROM executions_execution, generate_series(1, %(count)s) AS n WHERE id = %(like)s
        RETURNING id)
    INSERT INTO executions_branch (id, execution_id, index, status, stack, version, attempt, pending_children)
    SELECT gen_random_uuid(), run.id, 0, 'pending', b.stack, 0, 0, 0
    FROM run, (SELECT stack FROM executions_branch WHERE execution_id = %(like)s) AS b
"""
_WAITING = "SELECT count(*) FROM executions_execution WHERE task_id = %(task)s AND status = 'queued'"


def measure(queued: int, items: int, runs: int) -> list[Row]:
    """(q) A run of one step, and one with a call, alone, beside another developer's queue, and beside its map."""
    with programs.InstantServer() as server:
        step, call = programs.light_steps(1), programs.one_call(server.url)
        others = (programs.light_steps(3), programs.one_call(server.url), programs.mapped_calls(server.url))
        flood, calling, mapped = map(_given_away, others)
        idle = {task.pk: _p99_ms(task, runs) for task in (step, call)}
        rows = []
        for what, beside in (
            (f"{queued:,} queued runs", _queue(flood, queued)),
            (f"{queued // 5:,} queued runs with a call", _queue(calling, queued // 5)),
            (f"a map of {items:,} calls", _map(mapped, items)),
        ):
            with beside:
                for name, task in (("a step", step), ("a call", call)):
                    text = f"run of {name} beside another's {what}: p99"
                    taken, alone = _p99_ms(task, runs), idle[task.pk]
                    rows.append(Row("q", text, taken, "ms", aim="at most 2 x alone", note=f"{alone:.1f} ms alone"))
        return rows


def _p99_ms(task: Task, runs: int) -> float:
    """From the start of a run to its end, one after the other."""
    programs.seconds_to_end(task)
    return percentile([programs.seconds_to_end(task) * 1e3 for _ in range(runs)], 99)


@contextmanager
def _queue(task: Task, count: int) -> Iterator[None]:
    """So many runs of the task are queued, and go on to be: those that begin are replaced."""
    over = Event()

    def fill() -> None:
        try:
            while not over.wait(0.5):
                _fill(task, count)
        finally:
            connection.close()

    _fill(task, count)
    filling = Thread(target=fill)
    filling.start()
    try:
        yield
    finally:
        over.set()
        filling.join()
        _end(task)


def _fill(task: Task, count: int) -> None:
    """One is started, and the others are as this one is before any worker has seen it."""
    [(waiting,)] = fetch(_WAITING, {"task": task.pk})
    if waiting < count:
        with transaction.atomic():
            execute(_COPY, {"like": programs.start(task), "count": count - waiting})


@contextmanager
def _map(task: Task, items: int) -> Iterator[None]:
    """A run of the task maps over so many items meanwhile."""
    programs.start(task, {"items": list(range(items))})
    time.sleep(1)
    try:
        yield
    finally:
        _end(task)


def _end(task: Task) -> None:
    """Those that are left are nobody's any more."""
    Execution.objects.filter(task=task).delete()


def _given_away(task: Task) -> Task:
    """The task as one of another developer."""
    other, _ = Developer.objects.get_or_create(email="other@bench.example", defaults={"tags": ["paid"]})
    Task.objects.filter(pk=task.pk).update(developer=other)
    Agent.objects.filter(pk=task.agent_id).update(developer=other)
    given: Task = Task.objects.select_related("developer").get(pk=task.pk)
    return given
