"""The first rows of runs: of one in one statement with the record of who started it, or of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from agents.audit.recording import Act, insert_from, parameters_of
from agents.audit.verbs import ObjectKind, Verb
from executions.engine.contents import Contents
from executions.engine.frame import Frame
from executions.engine.rows.statements import fetch_row, fetch_rows
from executions.engine.rows.turns import SHARE
from executions.models import Execution
from julep_project.core.ids import uuid7
from julep_project.core.pauses.standing import paused_tasks
from julep_project.core.reading.jsontext import json_list, to_json_text

# A run is held back, its main branch pending, while its developer has a whole share of runs that wait for their first
# step; see `turns.py`. It is `surplus` while the developer has so many at work: its messages go behind those of others.
_LEFT = f"""
    SELECT part.size - (
               SELECT count(*) FROM (SELECT FROM executions_execution
                                     WHERE developer_id = {{developer}} AND status = 'queued'
                                       AND task_id <> ALL (%(paused)s::uuid[])
                                     LIMIT part.size) AS first) AS turns,
           part.size - (
               SELECT count(*) FROM (SELECT FROM executions_execution
                                     WHERE developer_id = {{developer}}
                                       AND status IN ('queued', 'starting', 'running')
                                     LIMIT part.size) AS first) AS places
    FROM (SELECT {SHARE} AS size) AS part
"""
_INTO_RUNS = """
    INSERT INTO executions_execution (id, developer_id, task_id, task_version_id, status, input, state, metadata,
                                     transition_count, runnable, open_waits, depth, key_id, retried_from,
                                     values_of, traceparent, fork_id, variant, overrides, called_by, callers, sources,
                                     counts_for)
"""
_INTO_BRANCHES = """
    INSERT INTO executions_branch (id, execution_id, index, status, stack, version, attempt, pending_children, rung_at)
"""

# The task's row is locked as a foreign key would: a run and a new version, or the task's removal, come one by one.
_INSERT_RUN = f"""
    WITH share AS MATERIALIZED (
        SELECT turns > 0 AS has_turn, places <= 0 AS is_surplus
        FROM ({_LEFT.format(developer="%(developer)s")}) AS remaining
    ), task AS (
        SELECT id FROM tasks_task
        WHERE id = %(task)s AND (%(number)s::int IS NULL OR version_number = %(number)s) FOR KEY SHARE
    ), run AS (
        {_INTO_RUNS}
        SELECT %(id)s, %(developer)s, task.id, %(version)s, 'queued', %(input)s::jsonb, '{{}}', %(metadata)s::jsonb,
               0, 1, 0, %(depth)s, %(key)s::uuid, %(retried_from)s::uuid, %(values_of)s::uuid, %(traceparent)s,
               %(fork_id)s::uuid, %(variant)s::jsonb, %(overrides)s::jsonb, %(called_by)s::uuid,
               %(callers)s::uuid[], %(sources)s::jsonb, %(counts_for)s::uuid[]
        FROM task
        RETURNING created_at, updated_at
    ), main AS (
        {_INTO_BRANCHES}
        SELECT %(branch)s, %(id)s, 0, CASE WHEN has_turn THEN 'ready' ELSE 'pending' END, %(stack)s::jsonb, 0, 0, 0,
               CASE WHEN has_turn THEN now() END
        FROM run, share
    ), recorded AS ({insert_from("run")})
    SELECT created_at, updated_at, has_turn, is_surplus FROM run, share
"""

# The same for many, of any developers. Whoever calls it holds locks that keep their tasks from being removed.
_INSERT_RUNS = f"""
    WITH asked AS MATERIALIZED (
        SELECT asked.*, row_number() OVER (PARTITION BY developer ORDER BY place) AS turn
        FROM ROWS FROM (
                 unnest(%(id)s::uuid[]), unnest(%(branch)s::uuid[]), unnest(%(developer)s::uuid[]),
                 unnest(%(task)s::uuid[]), unnest(%(version)s::uuid[]),
                 jsonb_array_elements(%(input)s::jsonb), jsonb_array_elements(%(metadata)s::jsonb),
                 unnest(%(key)s::uuid[]), unnest(%(traceparent)s::text[]), jsonb_array_elements(%(stack)s::jsonb))
             WITH ORDINALITY AS asked(id, branch, developer, task, version, input, metadata, key, traceparent, stack,
                                      place)
    ), share AS MATERIALIZED (
        SELECT tenant.id, turns, places
        FROM (SELECT DISTINCT developer AS id FROM asked) AS tenant
        CROSS JOIN LATERAL ({_LEFT.format(developer="tenant.id")}) AS remaining
    ), run AS (
        {_INTO_RUNS}
        SELECT id, developer, task, version, 'queued', input, '{{}}', metadata, 0, 1, 0, 0, key, NULL,
               NULL, traceparent, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM asked
    ), main AS (
        {_INTO_BRANCHES}
        SELECT asked.branch, asked.id, 0, CASE WHEN turn <= turns THEN 'ready' ELSE 'pending' END, stack,
               0, 0, 0, CASE WHEN turn <= turns THEN now() END
        FROM asked JOIN share ON share.id = asked.developer
    )
    SELECT asked.branch, turn <= turns, turn > places FROM asked JOIN share ON share.id = asked.developer
"""


@dataclass(frozen=True, slots=True)
class Started:
    """A new run's main branch, whether to ring for it, and whether its messages go behind those of others."""

    branch_id: UUID
    has_turn: bool
    is_surplus: bool


def insert_run(execution: Execution, version_number: int | None, act: Act | None = None) -> Started | None:
    """Write a new run and its main branch, recorded as the act, or as its creation. Without a number the version may
    be any.

    None: that is not the task's current version any more, or the task was removed; nothing was written.
    """
    main = _main_of(execution)
    act = act or Act(Verb.CREATE, ObjectKind.EXECUTION, execution.pk, after={"task": str(execution.task_id)})
    row = fetch_row(
        _INSERT_RUN,
        {
            "id": execution.pk,
            "branch": main.branch_id,
            "developer": execution.developer_id,
            "task": execution.task_id,
            "version": execution.task_version_id,
            "number": version_number,
            "input": main.input,
            "metadata": to_json_text(execution.metadata),
            "depth": execution.depth,
            "key": execution.key_id,
            "retried_from": execution.retried_from,
            "values_of": execution.values_of,
            "traceparent": execution.traceparent,
            "called_by": execution.called_by,
            "callers": execution.callers,
            "counts_for": execution.counts_for,
            **edited_columns(execution),
            "stack": main.stack,
            "share": settings.TENANT_SHARE,
            "paused": paused_tasks(),
            **parameters_of(execution.developer_id, act),
        },
    )
    if row is None:
        return None
    execution.created_at, execution.updated_at, has_turn, is_surplus = row
    execution._state.adding = False
    return Started(main.branch_id, has_turn, is_surplus)


def insert_runs(executions: Sequence[Execution]) -> list[Started]:
    """Write many new runs and their main branches, in a transaction in which their tasks cannot be removed. The
    versions may be any. Whoever calls it records them.
    """
    rows = [_main_of(execution) for execution in executions]
    columns: dict[str, list[Any]] = {
        "id": [execution.pk for execution in executions],
        "developer": [execution.developer_id for execution in executions],
        "task": [execution.task_id for execution in executions],
        "version": [execution.task_version_id for execution in executions],
        "key": [execution.key_id for execution in executions],
        "traceparent": [execution.traceparent for execution in executions],
        "branch": [row.branch_id for row in rows],
    }
    # As one document each: escaping the quotes of every element of an array takes longer than all of the rest here.
    documents = {
        "metadata": json_list(to_json_text(execution.metadata) for execution in executions),
        "input": json_list(row.input for row in rows),
        "stack": json_list(row.stack for row in rows),
    }
    started = fetch_rows(
        _INSERT_RUNS, {**columns, **documents, "share": settings.TENANT_SHARE, "paused": paused_tasks()}
    )
    return [Started(*row) for row in started]


@dataclass(frozen=True, slots=True)
class _Main:
    """The main branch of a new run, and both their values as rows take them."""

    branch_id: UUID
    input: str
    stack: str


def _main_of(execution: Execution) -> _Main:
    given: dict[str, Any] = execution.input
    frame = Frame(path=["main"], scope=str(uuid7()), display="main", input=given, opening="init", closing="finish")
    contents = Contents(execution.pk)
    stored_input = contents.outlined(to_json_text(given))
    stack = to_json_text(contents.pack_stack([frame.to_json()]))
    contents.write()
    return _Main(uuid7(), stored_input, stack)


def edited_columns(execution: Execution) -> dict[str, Any]:
    """What a new run has otherwise than the one it does again, and where its input comes from, as parameters of a
    statement."""
    edited = {"variant": execution.variant, "overrides": execution.overrides, "sources": execution.sources}
    texts = {name: None if value is None else to_json_text(value) for name, value in edited.items()}
    return {"fork_id": execution.fork_id, **texts}
