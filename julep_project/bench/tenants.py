"""How long one developer's single run or chat takes while another one has very much to do."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

from django.conf import settings
from django.db import connection, transaction

from agents.models import DEFAULT_PROJECT, Agent, Developer, Project
from agents.services import AgentServices
from docs_store.models import Doc, EmbeddingModel
from docs_store.search.indexing import VERSION
from executions.models import Execution
from julep_project.bench import programs
from julep_project.bench.table import Row, percentile
from julep_project.core.database import execute, fetch
from tasks.models import Task

_CHUNKS_PER_DOC = 20

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


# As bulk uploads leave them: every doc waits for its vectors.
_DOCS = """
    WITH doc AS (
        INSERT INTO docs_store_doc (id, developer_id, agent_id, title, metadata, content_hash)
        SELECT gen_random_uuid(), %(developer)s, %(agent)s, 'doc ' || n, '{}', n FROM generate_series(1, %(count)s) AS n
        RETURNING id, developer_id, agent_id),
    chunk AS (
        INSERT INTO docs_store_chunk (developer_id, agent_id, doc_id, index, content, search, search_version)
        SELECT developer_id, agent_id, id, i, 'word' || i || ' of ' || id, '', %(version)s
        FROM doc, generate_series(1, %(chunks)s) AS i)
    INSERT INTO docs_store_docembedding (doc_id, model_id, state, attempts, error)
    SELECT id, %(model)s, 'pending', 0, '' FROM doc
"""


def measure(queued: int, items: int, chunks: int, times: int, chat: Callable[[], float]) -> list[Row]:
    """(q) A run of one step, one with a call, and a chat: alone, beside another developer's queue of runs, beside its
    map, and beside its docs that wait for vectors."""
    with programs.InstantServer() as server:
        step, call = programs.light_steps(1), programs.one_call(server.url)
        others = (programs.light_steps(3), programs.one_call(server.url), programs.mapped_calls(server.url))
        flood, calling, mapped = map(_given_away, others)
        singles: dict[str, Callable[[], float]] = {
            "run of a step": partial(programs.seconds_to_end, step),
            "run of a call": partial(programs.seconds_to_end, call),
            "chat": chat,
        }
        alone = {name: _p99_ms(single, times) for name, single in singles.items()}
        rows = []
        for what, beside in (
            (f"{queued:,} queued runs", _queue(flood, queued)),
            (f"{queued // 5:,} queued runs with a call", _queue(calling, queued // 5)),
            (f"a map of {items:,} calls", _map(mapped, items)),
            (f"{chunks:,} chunks without vectors", _docs(chunks)),
        ):
            with beside:
                for name, single in singles.items():
                    text, note = f"{name} beside another's {what}: p99", f"{alone[name]:.1f} ms alone"
                    rows.append(Row("q", text, _p99_ms(single, times), "ms", aim="at most 2 x alone", note=note))
        return rows


def _p99_ms(single: Callable[[], float], times: int) -> float:
    """From its start to its end, one after the other."""
    single()
    return percentile([single() * 1e3 for _ in range(times)], 99)


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


@contextmanager
def _docs(chunks: int) -> Iterator[None]:
    """Docs of so many chunks wait for their vectors, which are made meanwhile."""
    other = _other_developer()
    agent = AgentServices().create(developer=other, values={"name": "library"})
    model, _ = EmbeddingModel.objects.get_or_create(name=settings.EMBEDDING_MODEL)
    execute(
        _DOCS,
        {
            **{"developer": other.pk, "agent": agent.pk, "model": model.pk, "version": VERSION},
            **{"count": chunks // _CHUNKS_PER_DOC, "chunks": _CHUNKS_PER_DOC},
        },
    )
    # What autovacuum does while docs come over time.
    execute("ANALYZE docs_store_doc, docs_store_chunk, docs_store_docembedding")
    time.sleep(settings.SWEEP_SECONDS)
    try:
        yield
    finally:
        Doc.objects.filter(agent=agent).delete()


def _end(task: Task) -> None:
    """Those that are left are nobody's any more."""
    Execution.objects.filter(task=task).delete()


def _given_away(task: Task) -> Task:
    """The task as one of another developer."""
    other = _other_developer()
    Task.objects.filter(pk=task.pk).update(developer=other)
    Agent.objects.filter(pk=task.agent_id).update(developer=other)
    given: Task = Task.objects.select_related("developer").get(pk=task.pk)
    return given


def _other_developer() -> Developer:
    other, is_new = Developer.objects.get_or_create(email="other@bench.example", defaults={"tags": ["paid"]})
    if is_new:
        Project.objects.create(developer=other, name=DEFAULT_PROJECT, canonical_name=DEFAULT_PROJECT)
    return other
