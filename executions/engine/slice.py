"""One slice: run steps in memory until something must wait, the branch ends, or the budget is used.

Nothing leaves the process here, so a slice may be thrown away and run again. The outcome is a list of transition
drafts and a verdict, which `store.commit` writes in one go.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError

from executions.engine import labels
from executions.engine.context import StepRunContext
from executions.engine.draft import ChildDraft, TransitionDraft, Verdict
from executions.engine.evaluation import EvaluatedIn, HeavyExpression
from executions.engine.frame import Frame, frames_from_json
from executions.engine.history import attempts
from executions.engine.history.attempts import Times
from executions.engine.history.faults import Fault, fault_of, place_of
from executions.engine.limits import MAX_BRANCHES, check_gathered, check_match, storable_text
from executions.engine.rows.journal import Journal
from executions.engine.run import Run
from executions.engine.tail import replaced_frame
from executions.models import QUORUM
from executions.states import BranchStatus, TransitionType
from julep_project.core.errors import ContentMissing, ServiceUnavailable
from julep_project.core.ids import uuid7
from julep_project.core.process.panics import contained
from julep_project.core.reading.jsontext import NotStorable
from tasks.expressions.errors import ExpressionError
from tasks.steps.base import Step
from tasks.steps.outcomes import (
    BodyFailed,
    BodyFinished,
    BodyReturned,
    Call,
    CallWorkflow,
    Change,
    ChildrenJoined,
    Done,
    EffectSucceeded,
    Enter,
    Event,
    Fail,
    Fork,
    InputReceived,
    Outcome,
    Return,
    Sleep,
    TimedOut,
    Wait,
    Woken,
)

log = logging.getLogger(__name__)

MAX_CALL_DEPTH = 100

_WITH_VALUE: dict[str, Callable[[Any], Event]] = {
    "body": BodyFinished,
    "effect": EffectSucceeded,
    "input": InputReceived,
    "body_returned": BodyReturned,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed. `step` names it as the log shows it; `recorded` when a child branch wrote the row already."""

    message: str
    type: str = "error"
    step: str | None = None
    recorded: bool = False


class Slice:
    """The running state of one slice. Make one per claim and call `run` once."""

    def __init__(
        self,
        run: Run,
        branch_id: UUID,
        *,
        stack: list[dict[str, Any]],
        event: dict[str, Any] | None,
        place: EvaluatedIn = EvaluatedIn.OWN,
        ready_at: datetime | None = None,
    ) -> None:
        """`ready_at`: since when the branch had waited for a worker, if it had."""
        self.transitions: list[TransitionDraft] = []
        self.state: dict[str, Any] = {}
        self.changes: dict[str, list[Change]] = {}
        self.items: dict[str, list[Any]] = {}
        self.frames = frames_from_json(stack)
        self.journal = Journal(run.execution_id, branch_id, self.transitions, run.contents)
        self._run = run
        self._branch_id = branch_id
        self._event = event
        self._place = place
        self._verdict: Verdict | None = None
        self._written = 0
        self._times = Times(ready_at)

    def run(self, budget_s: float) -> Verdict:
        """Advance the branch as far as one slice may: a number of steps, the time, or what one commit may write."""
        deadline = time.monotonic() + budget_s
        for _ in range(settings.SLICE_STEPS):
            try:
                self._advance_one()
            except HeavyExpression:
                return Verdict(BranchStatus.READY, event=self._event, is_heavy=True)
            if self._verdict is not None or self._written >= settings.MAX_STEP_OUTPUT_BYTES:
                break
            if time.monotonic() >= deadline:
                return Verdict(BranchStatus.READY, event=self._event, is_late=True)
        return self._left()

    def fail(self, message: str, type_: str = "error") -> Verdict:
        """Fail the current step, which is not its own doing. A step of this branch that hears of it goes on next."""
        if not self._top.opened:
            self._open(self._top)
        self._fail(Failure(message, type_))
        return self._left()

    def _left(self) -> Verdict:
        """How the slice leaves the branch: at its verdict, or in the middle."""
        return self._verdict or Verdict(BranchStatus.READY, event=self._event)

    @property
    def _top(self) -> Frame:
        return self.frames[-1]

    def _step(self, frame: Frame) -> Step:
        return self._run.program.block(frame.path)[frame.pc]

    def _is_last(self, frame: Frame) -> bool:
        return frame.pc + 1 >= len(self._run.program.block(frame.path))

    # -- one step -------------------------------------------------------------------------------------------------

    def _advance_one(self) -> None:
        frame = self._top
        try:
            with contained():
                if not frame.opened:
                    self._open(frame)
                self._go_on(frame)
        except (ExpressionError, NotStorable) as error:
            self._fail(Failure(str(error), getattr(error, "type", type(error).__name__)))
        except ContentMissing as error:
            self._fail(Failure(error.message, "ContentMissing"))
        except (DatabaseError, ServiceUnavailable, HeavyExpression):
            raise
        except Exception:
            # Running the slice again would only raise it again.
            log.exception("step raised", extra={"branch_id": self._branch_id})
            self._fail(Failure("internal error while running the step", "InternalError"))

    def _go_on(self, frame: Frame) -> None:
        retries = frame.retries
        event = self._take_event()
        if event is not None and (event["kind"] in ("joined", "returned") or event.get("recorded")):
            self._keep_labels_of_children(frame)
        if event is not None and event["kind"] == "failed":
            self._fail(Failure(**{key: value for key, value in event.items() if key not in ("kind", "retries")}))
        elif event is not None and event["kind"] == "returned":
            self._return(event["value"])
        else:
            step = self._step(frame)
            told = self._read_event(frame, event) if frame.waiting else None
            context = StepRunContext(self._run, self.journal, frame, self.state, self._place)
            try:
                outcome = step.start(context) if told is None else step.resume(context, told)
            except HeavyExpression:
                # Nothing was done yet: the step hears of it again.
                self._event, frame.retries = event, retries
                raise
            self._apply(frame, outcome)

    def _take_event(self) -> dict[str, Any] | None:
        event, self._event = self._event, None
        if event is not None and event.get("retries"):
            self._top.retries = attempts.kept([*self._top.retries, *event["retries"]])
        return event

    def _keep_labels_of_children(self, frame: Frame) -> None:
        if self._run.program.labels_bodies:
            labels.keep(frame, "joined", self._run.children_labels(self._branch_id, frame.loop))

    def _read_event(self, frame: Frame, event: dict[str, Any] | None) -> Event:
        if event is None:
            return Woken()
        if event["kind"] in _WITH_VALUE:
            return _WITH_VALUE[event["kind"]](event["value"])
        match event["kind"]:
            case "joined":
                return ChildrenJoined(self._run.children_outputs(self._branch_id, frame.loop))
            case "body_failed":
                return BodyFailed(event["message"], event["type"], event["step"])
            case "answers":
                return InputReceived(self.journal.answers(event["wait"]))
            case "timed_out":
                return TimedOut(tuple(self.journal.answers(event.get("wait"))))
        raise ValueError(f"unknown event {event['kind']!r}")

    def _apply(self, frame: Frame, outcome: Outcome) -> None:
        match outcome:
            case Done():
                changed = self._changed(outcome.changes)
                self._complete(frame, outcome.value, outcome.metadata)
                self._store(outcome, changed)
            case Enter():
                self._enter(frame, outcome)
            case CallWorkflow():
                self._call_workflow(frame, outcome)
            case Fork():
                self._fork(frame, outcome)
            case Return():
                self._return(outcome.value)
            case Call():
                self._park(frame, outcome.memory, Verdict(BranchStatus.CALLING, effect=self._effect(outcome)))
            case Sleep():
                self._park(frame, None, Verdict(BranchStatus.SLEEPING, sleep_s=outcome.seconds))
            case Wait():
                self._wait(frame, outcome)
            case Fail():
                self._fail(Failure(outcome.message, outcome.type))

    # -- the store ------------------------------------------------------------------------------------------------

    def _changed(self, changes: Sequence[Change]) -> dict[str, Any]:
        """What the changes make of the store as this slice sees it; the commit makes them again of what is there."""
        stored = {**self.journal.execution().state, **self.state} if changes else {}
        changed = {change.key: change.applied(stored.get(change.key)) for change in changes}
        for value in changed.values():
            self._written += len(storable_text(value))
        return changed

    def _store(self, outcome: Done, changed: dict[str, Any]) -> None:
        for change in outcome.changes:
            # A value that this slice has set itself is known, whatever is there by then.
            if change.key in self.changes or change.key not in self.state:
                self.changes.setdefault(change.key, []).append(change)
        for key in outcome.state:
            self.changes.pop(key, None)
        self.state.update(outcome.state | changed)

    # -- outcomes -------------------------------------------------------------------------------------------------

    def _open(self, frame: Frame) -> None:
        self._write(TransitionType(frame.opening), frame.input, frame=frame, next_=frame.target())
        frame.opened = True

    def _enter(self, frame: Frame, outcome: Enter) -> None:
        if outcome.items is not None:
            self._written += len(storable_text(outcome.items))
            frame.loop = str(uuid7())
            self.items[frame.loop] = outcome.items
            self.journal.add_items(frame.loop, outcome.items)
        storable_text(outcome.input)
        frame.waiting, frame.memory = True, outcome.memory
        body = self._body_frame(frame, outcome.block, outcome.input, outcome.display)
        body.turn, body.guarded = frame.loop, outcome.guarded
        body.names = {**labels.names_below(frame, outcome.block), **outcome.names}
        self.frames.append(body)

    def _call_workflow(self, frame: Frame, outcome: CallWorkflow) -> None:
        called = Frame(path=[outcome.workflow], scope=str(uuid7()), display=outcome.workflow, input=outcome.input)
        called.depth = frame.depth + 1
        replaced = replaced_frame(self.frames, self._run.program, outcome.workflow)
        if replaced is None and called.depth >= MAX_CALL_DEPTH:
            self._fail(Failure(f"workflows call each other more than {MAX_CALL_DEPTH} deep", "RecursionError"))
            return
        self._write(TransitionType.STEP, outcome.input, frame=frame, next_=called.target())
        if replaced is None:
            frame.waiting = True
        else:
            old = self.frames[replaced]
            called.closing, called.guarded, called.sheltered = old.closing, old.guarded, old.sheltered
            called.depth = old.depth
            del self.frames[replaced:]
        self.frames.append(called)

    def _fork(self, frame: Frame, outcome: Fork) -> None:
        if self.journal.open_branches() + len(outcome.children) > MAX_BRANCHES:
            self._fail(Failure(f"the run would have more than {MAX_BRANCHES} branches at once", "TooManyBranches"))
            return
        # Each child takes along what can be seen from here.
        names = labels.names_below(frame)
        seen = len(storable_text(names))
        size = sum(len(storable_text(child.input)) + seen for child in outcome.children)
        check_gathered(size, "the inputs of the branches")
        frame.waiting, frame.memory, frame.loop = True, outcome.memory, str(uuid7())
        parallelism = outcome.parallelism or len(outcome.children)
        is_sheltered = any(level.guarded or level.sheltered for level in self.frames)
        children = []
        for index, child in enumerate(outcome.children):
            body = self._body_frame(frame, child.block, child.input, child.display)
            body.sheltered, body.names = is_sheltered, names
            if parallelism > 1:
                body.display = f"PAR:{body.display}"
            children.append(ChildDraft(index=index, stack=[body.to_json()]))
        self._verdict = Verdict(BranchStatus.JOINING, children=children, parallelism=parallelism, fork=frame.loop)

    def _body_frame(self, frame: Frame, block: str, value: Any, suffix: str) -> Frame:
        return Frame(
            path=[*frame.path, frame.pc, block],
            scope=frame.scope,
            display=frame.body_display(suffix or block),
            input=value,
            names=frame.names,
            depth=frame.depth,
        )

    def _wait(self, frame: Frame, outcome: Wait) -> None:
        if outcome.event is not None:
            check_match(outcome.event.match)
        label = self._step(frame).label
        draft = self._write(TransitionType.WAIT, outcome.info, frame=frame, next_=None, label=label)
        if outcome.quorum is not None:
            draft.metadata[QUORUM] = outcome.quorum
        verdict = Verdict(BranchStatus.AWAITING_INPUT, wait_id=draft.id, sleep_s=outcome.timeout)
        verdict.awaits = outcome.event
        self._park(frame, outcome.memory, verdict)

    def _park(self, frame: Frame, memory: Any, verdict: Verdict) -> None:
        frame.waiting, frame.memory = True, memory
        self._verdict = verdict

    def _effect(self, outcome: Call) -> dict[str, Any]:
        effect = outcome.effect
        storable_text(effect.request)
        return {
            "kind": effect.kind,
            "request": effect.request,
            "options": dict(effect.options),
            "key": str(uuid7()),
            "attempts": 0,
        }

    # -- ends of steps, bodies and branches -----------------------------------------------------------------------

    def _complete(self, frame: Frame, value: Any, metadata: dict[str, Any]) -> None:
        if self._is_last(frame):
            self._end_body(frame, value, metadata=metadata)
            return
        self._write_completion(TransitionType.STEP, frame, value, metadata, next_=frame.target(frame.pc + 1))
        frame.pc += 1
        frame.input, frame.waiting, frame.memory, frame.loop, frame.retries = value, False, None, None, []

    def _end_body(self, frame: Frame, value: Any, *, metadata: dict[str, Any]) -> None:
        kind = TransitionType(frame.closing)
        self._write_completion(kind, frame, value, metadata, next_=None)
        self.frames.pop()
        if self.frames:
            labels.leave(frame, self._top)
            self._event = {"kind": "body", "value": value}
        else:
            self._verdict = Verdict(BranchStatus.DONE, output=value, event=_ended(frame))

    def _return(self, value: Any) -> None:
        """End the enclosing named workflow, whatever lies between it and the current step."""
        while not self._top.is_workflow:
            body = self._top
            self._write_completion(TransitionType.FINISH_BRANCH, body, value, {}, next_=None)
            self.frames.pop()
            if not self.frames:
                returned = {"kind": "returned", "value": value}
                self._verdict = Verdict(BranchStatus.DONE, output=value, event=_ended(body), interrupt=returned)
                return
            labels.leave(body, self._top)
            if body.guarded:
                self._event = {"kind": "body_returned", "value": value}
                return
        self._end_body(self._top, value, metadata={})

    def _fail(self, failure: Failure) -> None:
        """Hand the failure to the step that wants to hear of it: here, in a parent branch, or nowhere."""
        guard = next((index for index in range(len(self.frames) - 1, -1, -1) if self.frames[index].guarded), None)
        if guard is None and not self.frames[0].sheltered:
            self._write_failure(TransitionType.ERROR, failure, caught={})
            self._verdict = Verdict(BranchStatus.FAILED, error=failure.message, fault=self._fault(failure))
            return
        if not failure.recorded:
            self._write_failure(TransitionType.STEP, failure, caught={"caught": True})
        told = {"message": failure.message, "type": failure.type, "step": failure.step or self._shown_step()}
        if guard is None:
            interrupt = {"kind": "failed", **told, "recorded": True}
            self._leave_bodies(1)
            event = _ended(self._top)
            self._verdict = Verdict(BranchStatus.FAILED, error=failure.message, event=event, interrupt=interrupt)
        else:
            self._leave_bodies(guard)
            self._event = {"kind": "body_failed", **told}

    def _leave_bodies(self, levels: int) -> None:
        """All but so many levels of the stack."""
        while len(self.frames) > levels:
            labels.leave(self.frames.pop(), self._top)

    def _shown_step(self) -> str:
        return self._step(self._top).label or f"{self._top.display}[{self._top.pc}]"

    def _fault(self, failure: Failure) -> Fault:
        frame = self._top
        step = self._step(frame).label or place_of(frame.path, frame.pc)
        return fault_of(self._run.version.task_id, step=step, type_=failure.type, message=failure.message)

    # -- the log --------------------------------------------------------------------------------------------------

    def _write_completion(
        self,
        kind: TransitionType,
        frame: Frame,
        value: Any,
        metadata: dict[str, Any],
        *,
        next_: dict[str, Any] | None,
    ) -> None:
        step = self._step(frame)
        described = {"step_type": step.step_type, **attempts.shown_retries(frame.retries), **metadata}
        draft = self._write(kind, value, frame=frame, next_=next_, metadata=described, label=step.label)
        labels.finish_step(frame, step.label, str(draft.id))
        draft.position = frame.pc if frame.is_workflow else None
        if kind is TransitionType.FINISH_BRANCH:
            draft.loop = frame.turn

    def _write_failure(self, kind: TransitionType, failure: Failure, *, caught: dict[str, Any]) -> None:
        frame = self._top
        following = None if self._is_last(frame) and not caught else frame.target(frame.pc + (not self._is_last(frame)))
        step, notes = self._step(frame), attempts.shown_retries(frame.retries)
        described = {"step_type": step.step_type, "error_type": failure.type, **notes, **caught}
        self._write(kind, failure.message, frame=frame, next_=following, metadata=described, label=step.label)

    def _write(
        self,
        kind: TransitionType,
        output: Any,
        *,
        frame: Frame,
        next_: dict[str, Any] | None,
        metadata: dict[str, Any] | None = None,
        label: str | None = None,
    ) -> TransitionDraft:
        """Add a row. One with `metadata` ends a step, or an attempt at it."""
        draft = TransitionDraft(
            type=kind,
            current=frame.target(),
            next=next_,
            output=output,
            output_text=storable_text(output),
            scope=frame.scope,
            step_label=label,
        )
        notes = frame.retries if metadata else ()
        draft.metadata = {**(metadata or {}), **self._times.of_row(draft.created_at, notes)}
        self.transitions.append(draft)
        self._written += len(draft.output_text)
        return draft


def _ended(body: Frame) -> dict[str, Any] | None:
    """What a branch that has ended keeps for the step that made it."""
    finished = labels.left_by(body)
    return {"kind": "ended", "labels": finished} if finished else None
