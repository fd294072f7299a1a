"""Writes to runs from outside the engine: start, resume, cancel. Each locks the execution row before its branches."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.spending import limits
from agents.spending.attribution import current_attribution
from agents.spending.free_tier import check_executions
from agents.tools.errors import ToolError
from agents.webhooks.recording import ring_where_asked
from executions import announcements, selectors
from executions.blobs import placed
from executions.effects.attention import BUDGET
from executions.effects.provenance import ANSWERS, INPUT, noted_sources
from executions.effects.retry import told_with_notes
from executions.engine.contents import PACKED, is_packing
from executions.engine.dispatch import dispatcher
from executions.engine.draft import WAITS_FOR
from executions.engine.observing import note_cancel, note_start
from executions.engine.rows import ending
from executions.engine.start import Started, insert_run
from executions.models import AT_WORK, OPEN, Branch, Execution, Transition
from executions.states import (
    STATUS_AFTER,
    TERMINAL_EXECUTION,
    BranchStatus,
    ExecutionStatus,
    TransitionType,
)
from executions.stored_json import is_reference
from executions.wait_tokens import wait_of_token
from executions.waits import actions, approvals
from executions.waits.actors import actor_to_json
from executions.waits.answers import check_answer
from executions.waits.counting import Counted, count_answer
from executions.waits.log_rows import append, newest_place, open_waits
from julep_project.core.clock import DatabaseNow
from julep_project.core.database import fetch, has_more_than
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.pauses.standing import check_intake
from julep_project.core.rates.errors import TooManyRuns
from julep_project.core.rates.limits import limits_of
from julep_project.core.reading.jsontext import NotStorable, to_json_text
from julep_project.core.schemas.json_schema import UnusableSchema, find_problem
from julep_project.core.schemas.schema_defaults import with_defaults
from julep_project.core.telemetry.tracing import new_traceparent
from tasks.models import Task, TaskVersion
from tasks.selectors import current_version, version_of

# Of runs that this one's calls began, in one go.
_CANCELLED_AT_ONCE = 500
# How many open waits an error lists.
_MAX_NAMED_WAITS = 100


def start_execution(
    *,
    developer: Developer,
    task: Task,
    input_: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    depth: int = 0,
    execution_id: UUID | None = None,
    number: int | None = None,
    called: Mapping[str, Any] | None = None,
) -> Execution:
    """Start a run of the task's current version, or of that with the number.

    `depth` counts the tool calls that led to it; `called`: columns of a run that a call of a tool began. With an
    `execution_id`, a run of the task that has it already is given back as it is: whoever starts it again after a crash
    gets the same one.

    Raises:
        BadRequest: the input does not fit the task's `input_schema`, or is too large.
        NotFound: the task was removed in the meantime.
        Forbidden: the developer's are as many as the free tier allows.
        TooManyRuns: as many are at work as the developer may have at once.
    """
    known = selectors.list_executions(developer, task).filter(pk=execution_id).first() if execution_id else None
    if known is not None:
        return known
    above = (called or {}).get("callers") or [None]
    check_may_start(developer, task, caller=above[0])
    version = version_of(task.pk, task.version_number if number is None else number)
    while True:
        whole_input = with_defaults(version.input_schema or {}, input_)
        check_input(version, whole_input)
        execution = Execution(
            id=execution_id or uuid7(),
            developer=developer,
            task=task,
            task_version=version,
            input=whole_input,
            metadata=metadata or {},
            depth=depth,
            sources=noted_sources(None, INPUT),
            key_id=current_attribution().key_id,
            traceparent=new_traceparent(),
            **(called or {}),
        )
        started = insert_run(execution, version.number if number is None else None)
        if started is not None:
            break
        if number is not None:
            raise NotFound("Task not found")
        # The task is newer than the caller's copy of it.
        version = current_version(task)
    transaction.on_commit(partial(note_start, execution, task.name))
    _ring_for(started)
    return execution


def begin_execution(execution: Execution, act: Act) -> None:
    """Begin a run that was made for this version of its task, whatever the current one is, recorded as the act.

    Raises: as `start_execution` does.
    """
    check_may_start(execution.developer, execution.task)
    execution.input = with_defaults(execution.task_version.input_schema or {}, execution.input)
    check_input(execution.task_version, execution.input)
    started = insert_run(execution, None, act)
    if started is None:
        raise NotFound("Task not found")
    _ring_for(started)


def _ring_for(started: Started) -> None:
    if started.has_turn:
        ring = partial(dispatcher().advance, started.branch_id, is_surplus=started.is_surplus)
        transaction.on_commit(ring)


def check_may_start(developer: Developer, task: Task, *, caller: UUID | None = None) -> None:
    """Refuse one run more of the task, which a call of the run `caller` begins. A run that waits for one which it began
    is not counted beside that: the first takes the place that its caller has. Should callers wait for room, none would
    ever go on.

    Raises:
        Paused: no new work is taken.
        Forbidden: the developer's are as many as the free tier allows.
        TooManyRuns: as many are at work as the developer may have at once.
    """
    check_intake()
    check_executions(developer, partial(selectors.list_executions, developer, task))
    most = limits_of(developer.pk).runs
    if not most:
        return
    mine = Execution.objects.for_developer(developer)
    waited_for = mine.filter(called_by__isnull=False, status__in=OPEN).values("called_by")
    waiting = Branch.objects.filter(pk__in=waited_for).values("execution")
    at_work = mine.filter(status__in=AT_WORK).exclude(pk__in=waiting)
    if caller is not None and at_work.filter(pk=caller).exists():
        return
    if has_more_than(at_work, most - 1):
        raise TooManyRuns(f"{most} runs of this developer are at work, as many as are allowed at once")


def check_input(version: TaskVersion, input_: dict[str, Any]) -> None:
    """Refuse an input that a run of this version cannot begin with.

    Raises:
        BadRequest
    """
    try:
        size = len(to_json_text(input_).encode())
    except NotStorable as error:
        raise BadRequest(f"Invalid request arguments: {error}") from None
    if size > settings.MAX_EXECUTION_INPUT_BYTES:
        limit = settings.MAX_EXECUTION_INPUT_BYTES
        raise BadRequest(f"The input is {size} bytes; the limit is {limit} (setting MAX_EXECUTION_INPUT_BYTES)")
    if not version.input_schema:
        return
    try:
        problem = find_problem(version.input_schema, input_)
    except UnusableSchema as error:
        raise BadRequest("Invalid request arguments schema", fix=f"Change the task's input_schema: {error}") from None
    if problem is not None:
        raise BadRequest("Invalid request arguments schema", fix=problem.message, extra={"path": problem.path})


def change_execution(*, developer: Developer, execution_id: UUID, change: Mapping[str, Any]) -> Execution:
    """Resume or cancel a run, as a change asks for: `status`, `input`, `reason`, `task_token`.

    Raises:
        NotFound, BadRequest: as `cancel_execution`, `resume_execution` and `resume_by_token` do.
    """
    if change["status"] == ExecutionStatus.CANCELLED:
        return cancel_execution(developer=developer, execution_id=execution_id, reason=change.get("reason"))
    value, token = change.get("input"), change.get("task_token")
    if token:
        return resume_by_token(developer=developer, token=token, value=value, execution_id=execution_id)
    return resume_execution(developer=developer, execution_id=execution_id, value=value)


def cancel_execution(*, developer: Developer, execution_id: UUID, reason: str | None = None) -> Execution:
    """End a run now. What its workers still bring is refused.

    Raises:
        NotFound: there is no such run. BadRequest: it has ended already.
    """
    told = reason or "Workflow Cancelled"
    with _placed(developer, execution_id, told) as output, transaction.atomic():
        execution = _lock_open(developer, execution_id)
        append(execution, TransitionType.CANCELLED, output=output, at=newest_place(execution))
        record(developer.pk, Act(Verb.CANCEL, ObjectKind.EXECUTION, execution_id))
        ending.cancel_branches(execution.pk)
        execution.status = ExecutionStatus.CANCELLED
        execution.runnable = execution.open_waits = 0
        execution.ended_at, execution.asleep_until = execution.updated_at, None
        changed = ["status", "runnable", "open_waits", "transition_count", "updated_at", "ended_at", "asleep_until"]
        execution.save(update_fields=changed)
        transaction.on_commit(lambda: announcements.announce(execution.pk))
        transaction.on_commit(partial(note_cancel, execution, execution.task.name))
        transaction.on_commit(partial(ring_where_asked, developer.pk))
        if execution.called_by is not None:
            transaction.on_commit(partial(dispatcher().effect, execution.called_by))
    _cancel_called(developer, execution_id, told)
    return selectors.get_execution(developer, execution_id)


def _cancel_called(developer: Developer, execution_id: UUID, reason: str) -> None:
    """End the runs that calls of this one wait for. Should that not come about, `cancel_orphans` does it."""
    branches = Branch.objects.filter(execution_id=execution_id)
    rows = Execution.objects.for_developer(developer).filter(called_by__in=branches.values("pk"), status__in=OPEN)
    for run_id in rows.values_list("pk", flat=True)[:_CANCELLED_AT_ONCE]:
        with suppress(BadRequest, NotFound):
            cancel_execution(developer=developer, execution_id=run_id, reason=reason)


def resume_execution(*, developer: Developer, execution_id: UUID, value: Any) -> Execution:
    """Give a run the input its only open wait asks for.

    Raises:
        NotFound: there is no such run.
        BadRequest: nothing waits, several steps wait (each has its own task token), or the run has ended.
        Forbidden, InvalidInput: as `check_answer`. AnsweredAlready: as `count_answer`.
    """
    checked = _check_answer_of(developer, execution_id, value)
    with _placed(developer, execution_id, value) as output, transaction.atomic():
        execution = _lock_open(developer, execution_id)
        waiting = list(_waiting_branches(execution)[:_MAX_NAMED_WAITS])
        if not waiting:
            raise BadRequest("The execution is not waiting for input", extra={"status": execution.status})
        if len(waiting) > 1:
            raise BadRequest(
                "Several steps wait for input; resume one of them with its task token",
                extra={"waiting": [branch_wait.current for branch_wait in open_waits(waiting)]},
            )
        if checked != waiting[0].wait_id:
            raise BadRequest("The execution waits for something else by now")
        record(developer.pk, _resume(execution, waiting[0], value, output))
    return selectors.get_execution(developer, execution_id)


def resume_by_token(*, developer: Developer, token: str, value: Any, execution_id: UUID | None = None) -> Execution:
    """Give one open wait its input; with `execution_id`, only if it is that run's.

    Raises:
        NotFound: the token is unknown, or of another tenant. BadRequest: that wait is over.
        Forbidden, InvalidInput: as `check_answer`. AnsweredAlready: as `count_answer`.
    """
    wait_id = wait_of_token(token)
    transition = selectors.get_wait(developer, wait_id) if wait_id else None
    if transition is None or execution_id not in (None, transition.execution_id):
        raise NotFound("Task token not found")
    check_answer(transition.pk, value)
    with _placed(developer, transition.execution_id, value) as output, transaction.atomic():
        execution = _lock_open(developer, transition.execution_id)
        branch = _waiting_branches(execution).filter(wait_id=transition.pk).first()
        if branch is None:
            raise BadRequest("This step no longer waits for input")
        record(developer.pk, _resume(execution, branch, value, output))
    return selectors.get_execution(developer, transition.execution_id)


def _check_answer_of(developer: Developer, execution_id: UUID, value: Any) -> UUID | None:
    """Check the input of a run's only open wait; which one that is."""
    waiting = Branch.objects.filter(
        execution__developer=developer, execution_id=execution_id, status=BranchStatus.AWAITING_INPUT
    )
    wait_ids = list(waiting.values_list("wait_id", flat=True)[:2])
    wait_id = wait_ids[0] if len(wait_ids) == 1 else None
    if wait_id is not None:
        check_answer(wait_id, value)
    return wait_id


@contextmanager
def _placed(developer: Developer, execution_id: UUID, value: Any) -> Iterator[Any]:
    """What a row of the run's log takes for a value: see `blobs.placed`.

    Raises:
        NotFound: there is no such run. BadRequest: the value cannot be stored.
    """
    if not Execution.objects.for_developer(developer).filter(pk=execution_id).exists():
        raise NotFound(f"Execution {execution_id} not found")
    try:
        to_json_text(value)
    except NotStorable as error:
        raise BadRequest(f"Invalid input: {error}") from None
    with placed(execution_id, value) as output:
        yield output


def _resume(execution: Execution, branch: Branch, value: Any, output: Any) -> Act:
    """Log the resume, hand the value to the branch and ring. The execution row is locked. Gives what is to be recorded.

    `output` is the value as the log takes it.
    """
    (wait,) = open_waits([branch])
    counted = count_answer(wait, value)
    told = {"resumed_by": actor_to_json(), **(counted.metadata if counted else {})}
    if counted is not None and not counted.is_last:
        _keep_answer(execution, branch, output, at=wait, metadata=told)
        return Act(Verb.RESUME, ObjectKind.EXECUTION, execution.pk)
    onwards, act = _onwards(branch, value, output, counted)
    _go_on(execution, branch, onwards, output, at=wait, metadata=told)
    return act


def _go_on(
    execution: Execution,
    branch: Branch,
    onwards: Mapping[str, Any],
    output: Any,
    *,
    at: Transition,
    metadata: dict[str, Any],
) -> None:
    """End the branch's wait, log that and ring. The execution row is locked."""
    # The wait's timeout may be claimed without the execution's lock: whoever changes the status first has won.
    won = Branch.objects.filter(pk=branch.pk, status=BranchStatus.AWAITING_INPUT).update(
        **onwards,
        wait_id=None,
        wake_at=None,
        rung_at=DatabaseNow(),
        updated_at=DatabaseNow(),
    )
    if not won:
        raise BadRequest("This step no longer waits for input")
    append(execution, TransitionType.RESUME, output=output, at=at, metadata=metadata)
    execution.status = STATUS_AFTER[TransitionType.RESUME]
    execution.runnable += 1
    execution.open_waits -= 1
    execution.asleep_until = None
    execution.sources = noted_sources(execution.sources, ANSWERS)
    changed = ["status", "runnable", "open_waits", "transition_count", "updated_at", "asleep_until", "sources"]
    execution.save(update_fields=changed)
    transaction.on_commit(lambda: announcements.announce(execution.pk))
    ring = dispatcher().effect if onwards["status"] == BranchStatus.CALLING else dispatcher().advance
    transaction.on_commit(lambda: ring(branch.pk))


def _onwards(branch: Branch, value: Any, output: Any, counted: Counted | None) -> tuple[dict[str, Any], Act]:
    """How the branch goes on with the value, and the act of whoever gives it.

    A branch that still has an effect waits because a call's outcome is unclear: the value stands for its result. One
    whose call was not allowed yet makes it now: if a person has to agree, when the value says so; else whatever it is.
    """
    if approvals.is_approval(branch):
        onwards, act = approvals.decided(branch, value)
        event = onwards["event"]
        return {**onwards, "event": None if event is None else told_with_notes(event, branch.effect or {})}, act
    if actions.is_action(branch):
        return actions.answered(branch, value), Act(Verb.RESUME, ObjectKind.EXECUTION, branch.execution_id)
    effect = branch.effect or {}
    calls = WAITS_FOR in effect
    onwards = {
        "status": BranchStatus.CALLING if calls else BranchStatus.READY,
        "event": None if calls else _answer(branch, value, output, counted),
        "effect": {name: part for name, part in effect.items() if name != WAITS_FOR} if calls else None,
    }
    return onwards, Act(Verb.RESUME, ObjectKind.EXECUTION, branch.execution_id)


def _keep_answer(
    execution: Execution, branch: Branch, output: Any, *, at: Transition, metadata: dict[str, Any]
) -> None:
    """Log one of several answers; the wait goes on. As in `_resume`, it may have timed out meanwhile."""
    waiting = Branch.objects.filter(pk=branch.pk, status=BranchStatus.AWAITING_INPUT)
    if not waiting.update(rung_at=DatabaseNow()):
        raise BadRequest("This step no longer waits for input")
    append(execution, TransitionType.RESUME, output=output, at=at, metadata=metadata)
    execution.sources = noted_sources(execution.sources, ANSWERS)
    execution.save(update_fields=["transition_count", "updated_at", "sources"])
    transaction.on_commit(lambda: announcements.announce(execution.pk))


def resume_within_budget() -> int:
    """Let calls be made that waited for room in a limit of what may be spent, as many as it has room for; how many."""
    return sum(_resume_within(*group) for group in fetch(_WAITING_FOR_BUDGET, [_RESUMED_AT_ONCE]))


def _resume_within(developer_id: UUID, named: Any, asked: float, waiting: list[list[str]]) -> int:
    developer = Developer.objects.get(pk=developer_id)
    ids = [None if limit_id is None else UUID(limit_id) for limit_id in json.loads(named)]
    left = limits.left_of(developer, ids)
    if left is not None and left <= 0:
        return 0
    room = len(waiting) if left is None or asked <= 0 else max(int(float(left) / asked), 1)
    return sum(_resume_call(developer, UUID(run), UUID(branch)) for run, branch in waiting[:room])


@transaction.atomic
def _resume_call(developer: Developer, execution_id: UUID, branch_id: UUID) -> bool:
    execution = _locked_execution(developer, execution_id)
    if execution is None or execution.status in TERMINAL_EXECUTION:
        return False
    branch = _waiting_branches(execution).filter(pk=branch_id, effect__waits_for__type=BUDGET).first()
    if branch is not None:
        _resume(execution, branch, None, {"type": BUDGET})
    return branch is not None


@transaction.atomic
def settle_action(
    *, developer: Developer, execution_id: UUID, wait_id: UUID, output: dict[str, Any], failure: ToolError | None = None
) -> bool:
    """Let a call be made again because what it waited for has come about, or fail because it will not; whether it still
    waited. `output` is for the log.
    """
    execution = _locked_execution(developer, execution_id)
    if execution is None or execution.status in TERMINAL_EXECUTION:
        return False
    branch = _waiting_branches(execution).filter(wait_id=wait_id).first()
    if branch is None or not actions.is_action(branch):
        return False
    if failure is None:
        onwards = actions.made_again(branch)
    else:
        onwards = actions.given_up(branch, failure.kind, failure.message)
        onwards["event"] = told_with_notes(onwards["event"], branch.effect or {})
    (wait,) = open_waits([branch])
    _go_on(execution, branch, onwards, output, at=wait, metadata={"resumed_by": actor_to_json()})
    return True


# How many of one kind are let go on in one look.
_RESUMED_AT_ONCE = 500

_WAITS_FOR_BUDGET = f"""
    b.status = 'awaiting_input' AND b.effect IS NOT NULL AND b.effect->'{WAITS_FOR}'->>'type' = '{BUDGET}'
"""
ANY_WAITS_FOR_BUDGET = f"EXISTS (SELECT FROM executions_branch b WHERE {_WAITS_FOR_BUDGET})"
_WAITING_FOR_BUDGET = f"""
    SELECT e.developer_id, b.effect->'{WAITS_FOR}'->>'limits', max((b.effect->'{WAITS_FOR}'->>'asked')::float),
           (array_agg(ARRAY[b.execution_id::text, b.id::text] ORDER BY b.updated_at))[1:%s]
    FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
    WHERE {_WAITS_FOR_BUDGET}
    GROUP BY 1, 2
"""


def _answer(branch: Branch, value: Any, output: Any, counted: Counted | None) -> dict[str, Any]:
    if counted is not None:
        return {"kind": "answers", "wait": counted.wait_id}
    event: dict[str, Any] = {"kind": "input" if branch.effect is None else "effect", "value": value}
    if is_packing() and is_reference(output):
        event |= {"value": output, PACKED: True}
    return event if branch.effect is None else told_with_notes(event, branch.effect)


def _lock_open(developer: Developer, execution_id: UUID) -> Execution:
    """The run, locked, if it has not ended. Its input and output are left where they lie."""
    execution = _locked_execution(developer, execution_id)
    if execution is None:
        raise NotFound(f"Execution {execution_id} not found")
    if execution.status in TERMINAL_EXECUTION:
        raise BadRequest(f"The execution has ended: it is {execution.status}", extra={"status": execution.status})
    return execution


def _locked_execution(developer: Developer, execution_id: UUID) -> Execution | None:
    rows = Execution.objects.for_developer(developer).defer("input", "output").select_for_update()
    execution: Execution | None = rows.filter(pk=execution_id).first()
    return execution


def _waiting_branches(execution: Execution) -> Any:
    return Branch.objects.filter(execution=execution, status=BranchStatus.AWAITING_INPUT).order_by("created_at", "id")
