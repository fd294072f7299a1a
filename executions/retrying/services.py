"""Retries: a run that has ended is begun anew, or gone on with where it stood, by a new run.

The run that ended stays as it is. Which steps are done again, and which of them reach outside, `preview_retry` tells.
"""

from collections.abc import Mapping, Sequence
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
from executions.retrying.edits import Edits, overrides_for
from executions.retrying.errors import ConfirmationNeeded, NotRetryable
from executions.retrying.plan import FAILED, Plan, chosen_row, plan_retry
from executions.waits.actors import actor_to_json
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.telemetry.tracing import new_traceparent
from tasks.models import TaskVersion
from tasks.programs.program import Program
from tasks.selectors import current_version
from tasks.steps.kinds.set import Set
from tasks.steps.outcomes import UnfitValue

_MOST_DIFFERENCES = 50


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """How to try again. `point`: `start`, `failed`, or the id of a transition, whose step is done again.
    `repeats_once`: also what is declared `at_most_once`."""

    point: str = FAILED
    is_latest: bool = False
    repeats_once: bool = False
    edits: Edits = field(default_factory=Edits)


@dataclass(frozen=True, slots=True)
class Variant:
    """Which of the runs that are begun together a run is."""

    fork_id: UUID
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry that was thought through, and not begun."""

    request: RetryRequest
    plan: Plan
    version: TaskVersion
    again: list[Again]
    overrides: list[dict[str, Any]]

    @property
    def needs_confirmation(self) -> bool:
        return any(again.at_most_once for again in self.again)

    @property
    def copied_rows(self) -> int:
        return 0 if self.plan.is_from_start else count_rows(self.plan)

    def effects_to_wire(self) -> dict[str, Any]:
        """What is done again outside the database."""
        return {
            "again": [again.to_wire() for again in self.again[:MOST_PLACES]],
            "again_count": len(self.again),
            "needs_confirmation": self.needs_confirmation,
        }

    def to_wire(self) -> dict[str, Any]:
        """What would be done."""
        source = self.plan.source
        changed = _differences(source.task_version, self.version)
        return {
            "execution_id": str(source.pk),
            "from": self.plan.point,
            "copied_transitions": self.copied_rows,
            "version": {
                "pinned": source.task_version.number,
                "used": self.version.number,
                "changed_steps": changed[:_MOST_DIFFERENCES],
                "changed_count": len(changed),
            },
            **self.effects_to_wire(),
        }


def preview_retry(*, developer: Developer, execution_id: UUID, request: RetryRequest) -> dict[str, Any]:
    """What `retry_execution` would do; nothing is done. Raises as that does, but for the confirmation."""
    return think_through(selectors.get_execution(developer, execution_id), request).to_wire()


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
    retry = think_through(selectors.get_execution(developer, execution_id), request)
    check_confirmed([retry])
    run = begin_again(retry, is_surplus=is_surplus)
    return selectors.get_execution(developer, run.pk)


def check_confirmed(retries: Sequence[Retry]) -> None:
    """Raises ConfirmationNeeded: tools would be called again that are declared `at_most_once`."""
    for retry in retries:
        if retry.needs_confirmation and not retry.request.repeats_once:
            told = [again.to_wire() for again in retry.again if again.at_most_once][:MOST_PLACES]
            raise ConfirmationNeeded(extra={"again": told}, fix='Send "repeat_at_most_once": true if that is meant')


def begin_again(retry: Retry, *, variant: Variant | None = None, is_surplus: bool = False) -> Execution:
    """Begin the new run. Raises as `retry_execution` does."""
    source, edits = retry.plan.source, retry.request.edits
    told: dict[str, Any] = {"from": retry.request.point, "edited": edits.names}
    if variant is not None:
        told = {"index": variant.index, "name": variant.name, **told}
    run = Execution(
        id=uuid7(),
        developer_id=source.developer_id,
        task=source.task,
        task_version=retry.version,
        input=edits.input if edits.has_input and retry.plan.is_from_start else source.input,
        metadata=source.metadata,
        depth=source.depth,
        sources=source.sources,
        key_id=current_attribution().key_id,
        retried_from=source.pk,
        values_of=source.values_of or source.pk,
        fork_id=None if variant is None else variant.fork_id,
        variant=None if variant is None else told,
        overrides=retry.overrides or None,
        traceparent=new_traceparent(),
    )
    after = {"retried_from": str(source.pk), "version": retry.version.number, **told}
    if variant is not None:
        after["fork_id"] = str(variant.fork_id)
    verb = Verb.RETRY if variant is None else Verb.FORK
    act = Act(verb, ObjectKind.EXECUTION, run.pk, after=after)
    if retry.plan.is_from_start:
        services.begin_execution(run, act)
    else:
        _go_on(run, retry, act, is_surplus)
    transaction.on_commit(partial(note_start, run, source.task.name))
    return run


def _go_on(run: Execution, retry: Retry, act: Act, is_surplus: bool) -> None:
    services.check_may_start(run.developer, run.task)
    check_contents(retry.plan)
    main = insert_copy(run, retry.plan, _store_at(retry.plan), act, told=_told_to_step(retry.request.edits))
    if main is None:
        raise NotFound("Execution not found")
    transaction.on_commit(partial(dispatcher().advance, main, is_surplus=is_surplus))


def _told_to_step(edits: Edits) -> dict[str, Any]:
    """What the chosen step is given, or has given."""
    if edits.has_output:
        return {"value": edits.output, "answers": True, "by": actor_to_json()}
    return {"value": edits.input} if edits.has_input else {}


def think_through(source: Execution, request: RetryRequest, like: Retry | None = None) -> Retry:
    """What a retry would do. One that is `like` another, but for what is edited, goes on from where that does.

    Raises: as `retry_execution` does.
    """
    edits = request.edits
    edits.check_values()
    if like is None:
        version = current_version(source.task) if request.is_latest else source.task_version
        plan = plan_retry(source, request.point, answers=edits.has_output)
        if not plan.is_from_start and version.dialect != source.task_version.dialect:
            raise NotRetryable("The task is written in another dialect now; retry the execution from its start")
        run = Run(execution_id=source.pk, developer_id=source.developer_id, version_id=version.pk)
        again = effects_again(plan, run)
    else:
        version, plan, again = like.version, like.plan, like.again
    if edits.has_input and plan.is_from_start and not isinstance(edits.input, dict):
        raise BadRequest("The input of an execution is an object")
    if edits.has_input and not plan.is_from_start and plan.place is None:
        raise BadRequest("Several steps are done again; name the transition of the one that gets the input")
    overrides = overrides_for(source, version, edits, chosen_row(source, request.point) if edits.prompt else None)
    return Retry(request, plan, version, again, overrides)


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
