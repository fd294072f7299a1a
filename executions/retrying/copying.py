"""Writes a run that takes along what another has done: one statement, whatever the length of the log.

Outputs are not stored again: where the source's rows refer to contents in the storage, so do the copies (see
`executions.blobs` for who removes those). Ids are made of the source's, in the same order.
"""

from dataclasses import dataclass
from hashlib import md5
from typing import Any
from uuid import UUID

from agents.audit.recording import Act, insert_from, parameters_of
from executions.engine.contents import Contents
from executions.engine.frame import Frame
from executions.engine.rows.replayed import AGAIN
from executions.engine.rows.statements import fetch_row
from executions.engine.start import edited_columns
from executions.models import OF_WAIT, PERSON, Execution, Transition
from executions.retrying.errors import NotRetryable
from executions.retrying.plan import Plan
from executions.states import TransitionType
from julep_project.core.database import fetch
from julep_project.core.reading.jsontext import to_json_text

# Of an id the first 48 bits are the time.
_NEW = "(left(replace({id}::text, '-', ''), 12) || substr(md5({id}::text || %(salt)s), 13))::uuid"
# An answer names the wait that it is to.
_METADATA = f"""
    CASE WHEN t.metadata ? '{PERSON}'
         THEN jsonb_set(t.metadata, '{{{OF_WAIT}}}', to_jsonb({_NEW.format(id=f"(t.metadata->>'{OF_WAIT}')")}))
         ELSE t.metadata END
"""

_TAKEN = "unnest(%(kept)s::uuid[], %(cuts)s::int[]) AS k(id, cut)"
_ROWS = f"""
    {_TAKEN} JOIN executions_transition t ON t.branch_id = k.id AND t.seq <= k.cut
    WHERE t.execution_id = %(source)s AND t.type NOT IN ('finish', 'error', 'cancelled')
"""

_COUNT = f"SELECT count(*) FROM {_ROWS}"

# Whose content is gone.
_GONE = f"""
    SELECT t.seq FROM {_ROWS}
      AND jsonb_typeof(t.output) = 'object' AND t.output ? '$blob' AND t.output - '$blob' = '{{}}'
      AND NOT EXISTS (SELECT FROM executions_blob WHERE name = t.output->>'$blob') LIMIT 1
"""

_COPY = f"""
    WITH source AS (
        SELECT e.id FROM executions_execution e JOIN tasks_task ON tasks_task.id = e.task_id
        WHERE e.id = %(source)s FOR KEY SHARE
    ), kept AS MATERIALIZED (
        SELECT * FROM unnest(%(kept)s::uuid[], %(cuts)s::int[], %(open)s::boolean[], %(events)s::jsonb[])
            AS k(id, cut, is_open, event)
    ), rows AS MATERIALIZED (
        SELECT t.id, k.id AS branch, row_number() OVER (ORDER BY t.seq) AS seq
        FROM kept k JOIN executions_transition t ON t.branch_id = k.id AND t.seq <= k.cut
        WHERE t.execution_id = %(source)s AND t.type NOT IN ('finish', 'error', 'cancelled')
    ), run AS (
        INSERT INTO executions_execution (id, developer_id, task_id, task_version_id, status, input, state, metadata,
                                          transition_count, runnable, open_waits, depth, key_id, retried_from,
                                          values_of, traceparent, fork_id, variant, overrides, sources)
        SELECT %(id)s, %(developer)s, %(task)s, %(version)s, 'running', %(input)s::jsonb, %(state)s::jsonb,
               %(metadata)s::jsonb, (SELECT count(*) FROM rows), (SELECT count(*) FROM kept WHERE is_open), 0,
               %(depth)s, %(key)s::uuid, %(source)s, %(values_of)s,
               %(traceparent)s, %(fork_id)s::uuid, %(variant)s::jsonb, %(overrides)s::jsonb,
               %(sources)s::jsonb
        FROM source
        RETURNING created_at, updated_at, transition_count
    ), branches AS (
        INSERT INTO executions_branch (id, execution_id, parent_id, fork, index, status, stack, version, attempt,
                                       pending_children, event, output, rung_at, created_at)
        SELECT {_NEW.format(id="b.id")}, %(id)s, {_NEW.format(id="b.parent_id")}, {_NEW.format(id="b.fork")}, b.index,
               CASE WHEN NOT k.is_open THEN b.status WHEN b.parent_id IS NULL THEN 'ready' ELSE 'pending' END,
               CASE WHEN b.parent_id IS NULL THEN %(stack)s::jsonb ELSE '[]' END, 0, 0, 0,
               CASE WHEN k.is_open THEN nullif(k.event, 'null') WHEN b.event ? 'labels' THEN jsonb_set(
                   b.event, '{{labels}}', (SELECT jsonb_object_agg(key, {_NEW.format(id="value")})
                                           FROM jsonb_each_text(b.event->'labels'))) END,
               CASE WHEN NOT k.is_open THEN b.output END, CASE WHEN b.parent_id IS NULL THEN now() END, b.created_at
        FROM run, kept k JOIN executions_branch b ON b.id = k.id
    ), log AS (
        INSERT INTO executions_transition (id, execution_id, branch_id, seq, type, current, next, step_label, output,
                                           metadata, created_at, scope, position, loop)
        SELECT {_NEW.format(id="t.id")}, %(id)s, {_NEW.format(id="t.branch_id")}, rows.seq, t.type, t.current, t.next,
               t.step_label, t.output, {_METADATA}, t.created_at, t.scope, t.position, {_NEW.format(id="t.loop")}
        FROM run, rows JOIN executions_transition t ON t.id = rows.id
    ), recorded AS ({insert_from("run")})
    SELECT created_at, updated_at, transition_count FROM run
"""


@dataclass(frozen=True, slots=True)
class Salt:
    """What makes ids of one run from those of another."""

    run_id: UUID

    def new(self, id_: UUID) -> UUID:
        """As `_NEW` does."""
        digest = md5(f"{id_}{self.run_id}".encode(), usedforsecurity=False).hexdigest()
        return UUID(id_.hex[:12] + digest[12:])


def count_rows(plan: Plan) -> int:
    """How many rows of the log are taken along."""
    [(count,)] = fetch(_COUNT, _values(plan))
    return int(count)


def check_contents(plan: Plan) -> None:
    """Refuse when a content that is to be referred to is not there any more.

    Raises:
        NotRetryable
    """
    if found := fetch(_GONE, _values(plan)):
        raise NotRetryable(f"The output of row {found[0][0]} of the log is not stored any more")


def insert_copy(run: Execution, plan: Plan, store: dict[str, Any], act: Act, *, told: dict[str, Any]) -> UUID | None:
    """Write the run with what it takes along; its main branch, to be rung for. None: the source is gone.

    `told` is for the chosen step.
    """
    salt, contents = Salt(run.pk), Contents(run.pk)
    values = {
        **_values(plan),
        "id": run.pk,
        "salt": str(run.pk),
        "developer": run.developer_id,
        "task": run.task_id,
        "version": run.task_version_id,
        "input": contents.outlined(to_json_text(run.input)),
        "state": to_json_text(contents.pack_state(store)),
        "metadata": to_json_text(run.metadata),
        "depth": run.depth,
        "key": run.key_id,
        "values_of": run.values_of,
        "traceparent": run.traceparent,
        **edited_columns(run),
        "stack": to_json_text(contents.pack_stack([_first_frame(run, plan)])),
        "open": [kept.is_open for kept in plan.kept],
        "events": [to_json_text(_event(kept, plan, salt, told, contents)) for kept in plan.kept],
        **parameters_of(run.developer_id, act),
    }
    contents.write()
    row = fetch_row(_COPY, values)
    if row is None:
        return None
    run.created_at, run.updated_at, run.transition_count = row
    run._state.adding = False
    return salt.new(plan.kept[0].id)


def _event(kept: Any, plan: Plan, salt: Salt, told: dict[str, Any], contents: Contents) -> dict[str, Any] | None:
    if not kept.is_open or not kept.cut:
        return None
    event = {"kind": AGAIN, "fork": None if kept.fork is None else str(salt.new(kept.fork))}
    return contents.pack_event({**event, **told}) if kept.id == plan.place else event


def _first_frame(run: Execution, plan: Plan) -> dict[str, Any]:
    """The frame that the main branch began with."""
    first = Transition.objects.filter(execution=plan.source, type=TransitionType.INIT)
    scope = str(first.values_list("scope", flat=True).get())
    return Frame(
        path=["main"], scope=scope, display="main", input=run.input, opening="init", closing="finish"
    ).to_json()


def _values(plan: Plan) -> dict[str, Any]:
    return {"source": plan.source.pk, **plan.columns}
