"""Retries: a run that has ended is begun anew, or gone on with where it stood, by a new run.

The run that ended stays as it is. Which steps are done again, and which of them reach outside, `preview_retry` tells.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.audit.recording import Act
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.spending.attribution import current_attribution
from executions import selectors, services
from executions.engine.dispatch import dispatcher
from executions.engine.observing import note_start
from executions.engine.replaying.places import steps_at
from executions.engine.run import Run
from executions.models import Execution, Transition
from executions.retrying.again import MOST_PLACES, Again, effects_again
from executions.retrying.copying import check_contents, count_rows, insert_copy
from executions.retrying.errors import ConfirmationNeeded, NotRetryable
from executions.retrying.plan import FAILED, Plan, plan_retry
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.telemetry.tracing import new_traceparent
from tasks.models import TaskVersion
from tasks.programs.program import Program
from tasks.selectors import current_version
from tasks.steps.kinds.set import Set
from tasks.steps.outcomes import UnfitValue

_MOST_DIFFERENCES = 50
_NOT_GIVEN: Any = object()


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """How to try again. `point`: `start`, `failed`, or the id of a transition, whose step is done again. `input` is
    that of the run, or of the step that is done again. `repeats_once`: also what is declared `at_most_once`."""

    point: str = FAILED
    is_latest: bool = False
    repeats_once: bool = False
    input: Any = field(default=_NOT_GIVEN)

    @property
    def has_input(self) -> bool:
        return self.input is not _NOT_GIVEN


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry that was thought through, and not begun."""

    plan: Plan
    version: TaskVersion
    again: list[Again]

    @property
    def needs_confirmation(self) -> bool:
        return any(again.at_most_once for again in self.again)

    def to_wire(self) -> dict[str, Any]:
        """What would be done."""
        source = self.plan.source
        changed = _differences(source.task_version, self.version)
        return {
            "execution_id": str(source.pk),
            "from": self.plan.point,
            "copied_transitions": 0 if self.plan.is_from_start else count_rows(self.plan),
            "version": {
                "pinned": source.task_version.number,
                "used": self.version.number,
                "changed_steps": changed[:_MOST_DIFFERENCES],
                "changed_count": len(changed),
            },
            "again": [again.to_wire() for again in self.again[:MOST_PLACES]],
            "again_count": len(self.again),
            "needs_confirmation": self.needs_confirmation,
        }


def preview_retry(*, developer: Developer, execution_id: UUID, request: RetryRequest) -> dict[str, Any]:
    """What `retry_execution` would do; nothing is done. Raises as that does, but for the confirmation."""
    return _thought_through(developer, execution_id, request).to_wire()


def retry_execution(
    *, developer: Developer, execution_id: UUID, request: RetryRequest, is_surplus: bool = False
) -> Execution:
    """Begin a new run that does again what a run that has ended did, from some point on.

    `is_surplus`: it goes behind others in every queue. Every failure here leaves nothing behind.

    Raises:
        NotFound: there is no such run, or no such transition in it.
        StillRunning, NotRetryable, TooManyTransitions, ConfirmationNeeded
        BadRequest: the input does not fit. TooManyRuns, Forbidden: as for any start.
    """
    retry = _thought_through(developer, execution_id, request)
    if retry.needs_confirmation and not request.repeats_once:
        told = [again.to_wire() for again in retry.again if again.at_most_once][:MOST_PLACES]
        raise ConfirmationNeeded(extra={"again": told}, fix='Send "repeat_at_most_once": true if that is meant')
    source = retry.plan.source
    run = Execution(
        id=uuid7(),
        developer=developer,
        task=source.task,
        task_version=retry.version,
        input=request.input if request.has_input and retry.plan.is_from_start else source.input,
        metadata=source.metadata,
        depth=source.depth,
        key_id=current_attribution().key_id,
        retried_from=source.pk,
        values_of=source.values_of or source.pk,
        traceparent=new_traceparent(),
    )
    act = Act(
        Verb.RETRY,
        ObjectKind.EXECUTION,
        run.pk,
        after={"retried_from": str(source.pk), "from": request.point, "version": retry.version.number},
    )
    if retry.plan.is_from_start:
        services.begin_execution(run, act)
    else:
        _go_on(run, retry, request, act, is_surplus)
    transaction.on_commit(partial(note_start, run, source.task.name))
    return selectors.get_execution(developer, run.pk)


def _go_on(run: Execution, retry: Retry, request: RetryRequest, act: Act, is_surplus: bool) -> None:
    services.check_may_start(run.developer, run.task)
    check_contents(retry.plan)
    told = {"value": request.input} if request.has_input else {}
    main = insert_copy(run, retry.plan, _store_at(retry.plan), act, told=told)
    if main is None:
        raise NotFound("Execution not found")
    transaction.on_commit(partial(dispatcher().advance, main, is_surplus=is_surplus))


def _thought_through(developer: Developer, execution_id: UUID, request: RetryRequest) -> Retry:
    source = selectors.get_execution(developer, execution_id)
    plan = plan_retry(source, request.point)
    version = current_version(source.task) if request.is_latest else source.task_version
    run = Run(execution_id=source.pk, developer_id=developer.pk, version_id=version.pk)
    if not plan.is_from_start and version.dialect != source.task_version.dialect:
        raise NotRetryable("The task is written in another dialect now; retry the execution from its start")
    if request.has_input and plan.is_from_start and not isinstance(request.input, dict):
        raise BadRequest("The input of an execution is an object")
    if request.has_input and not plan.is_from_start and plan.place is None:
        raise BadRequest("Several steps are done again; name the transition of the one that gets the input")
    return Retry(plan, version, effects_again(plan, run))


def _differences(old: TaskVersion, new: TaskVersion) -> list[str]:
    """Steps of the workflows that are not alike, as the log names them."""
    if old.pk == new.pk:
        return []
    before, after = (version.program["workflows"] for version in (old, new))
    found = []
    for name in sorted({*before, *after}):
        steps, others = before.get(name, []), after.get(name, [])
        found += [
            f"{name}[{place}]"
            for place in range(max(len(steps), len(others)))
            if steps[place : place + 1] != others[place : place + 1]
        ]
    return found


def _store_at(plan: Plan) -> dict[str, Any]:
    """What `set` steps had stored by the rows that are taken along."""
    program = Program.load(plan.source.task_version.program)
    store: dict[str, Any] = {}
    for current, output in _set_rows(plan):
        steps = steps_at(program, current["workflow"], current["step"])
        step = next((step for step in steps if isinstance(step, Set) and step.stores(output)), None)
        if step is None:
            continue
        stored, changes = step.stored_by(output)
        store |= stored
        for change in changes:
            with suppress(UnfitValue):
                store[change.key] = change.applied(store.get(change.key))
    return store


def _set_rows(plan: Plan) -> Any:
    cuts: Mapping[UUID, int] = {kept.id: kept.cut for kept in plan.kept}
    rows = Transition.objects.filter(execution=plan.source, metadata__step_type="SetStep").order_by("seq")
    for branch_id, seq, current, output in rows.values_list("branch_id", "seq", "current", "output").iterator():
        if seq <= cuts.get(branch_id, 0) and isinstance(output, dict):
            yield current, output
