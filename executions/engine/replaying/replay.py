"""Goes on where another run stood: finds the frames of a branch again from the rows of its log.

A run that is retried begins with copies of rows, and with branches that have no frames beside their first. The first
slices of each walk along its rows as a slice would have that wrote them. Steps that have finished are passed over, with
all that is in them; of steps that were under way only those are started that have bodies, to learn what their frames
hold: whatever else they do is done again from the beginning. No row is written by it. A slice whose budget is used
before hands on how far it is: the frames, the row that was passed last, and what the top frame's step has to hear.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from executions.engine import labels
from executions.engine.context import StepRunContext
from executions.engine.draft import Verdict
from executions.engine.evaluation import HeavyExpression
from executions.engine.frame import Frame
from executions.engine.history.faults import fault_of, place_of
from executions.engine.replaying.places import is_return
from executions.engine.rows.replayed import (
    AGAIN,
    BranchLog,
    Row,
    answered_wait,
    ends_below,
    labels_within,
    last_failure_below,
)
from executions.engine.slice import Slice
from executions.models import Branch
from executions.states import FINAL_BRANCH, BranchStatus, TransitionType
from julep_project.core.errors import ContentMissing
from julep_project.core.json_value import Json
from julep_project.core.process.panics import contained
from julep_project.core.reading.jsontext import NotStorable
from tasks.expressions.errors import ExpressionError
from tasks.steps.outcomes import (
    BodyFailed,
    BodyFinished,
    BodyReturned,
    CallWorkflow,
    Done,
    Enter,
    Event,
    Fork,
    Outcome,
    TimedOut,
    Wait,
)

_OPENINGS = (TransitionType.INIT, TransitionType.INIT_BRANCH)
# Places that are passed for each step that a slice may run: a place is so much lighter.
_PLACES_PER_STEP = 20


class CannotGoOn(Exception):
    """The program does not lead to where the rows are."""


@dataclass(slots=True)
class _Heard:
    """What a step hears next. A value is read from its row when somebody wants it."""

    row: Row
    failed: dict[str, Any] | None = None


class Replay(Slice):
    """A slice that begins by finding its place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        assert self._event is not None and self._event["kind"] == AGAIN
        self._told = self._event
        progress = self._told.get("progress") or {"log": {}, "heard": None}
        self._log = BranchLog(self._run.execution_id, self._branch_id, **progress["log"])
        self._before: dict[str, Any] | None = progress["heard"]
        self._heard: _Heard | None = None
        # Where `_` of a frame's step stands, until it is read. The frame is kept, so that no other has its id.
        self._input_of: dict[int, tuple[Frame, Row]] = {}

    def run(self, budget_s: float) -> Verdict:
        """Find the place, and go on from there."""
        self._event, deadline = None, time.monotonic() + budget_s
        try:
            with contained():
                if self._before is not None:
                    self._heard = _Heard(self._log.at(self._before["row"]), self._before["failed"])
                handed_on = self._walk(deadline)
                if handed_on is not None:
                    return handed_on
                self._take_place()
        except HeavyExpression:
            return self._handed_on(is_heavy=True)
        except ContentMissing as error:
            return self._cannot(error.message, "ContentMissing")
        except (ExpressionError, NotStorable) as error:
            return self._cannot(f"what led here cannot be found out again: {error}")
        except CannotGoOn as error:
            return self._cannot(str(error))
        return self._verdict or super().run(max(deadline - time.monotonic(), 0.0))

    def _handed_on(self, **how: Any) -> Verdict:
        """What the next slice goes on with."""
        for frame in self.frames:
            self._read_input(frame)
        heard = self._heard and {"row": self._heard.row.seq, "failed": self._heard.failed}
        log = {"passed": self._log.passed, "is_long": self._log.is_long}
        event = {**self._told, "progress": {"log": log, "heard": heard}}
        return Verdict(BranchStatus.READY, event=event, **how)

    def fail(self, message: str, type_: str = "error") -> Verdict:
        """Nothing can be gone on with: the place was not found."""
        return self._cannot(message, type_)

    def _cannot(self, message: str, type_: str = "CannotGoOn") -> Verdict:
        """The run has failed, whatever tries to hear of it: nobody knows where in the program it stands."""
        frame = self._top
        label = self._step(frame).label if self._exists(frame) else None
        self._write(TransitionType.ERROR, message, frame=frame, next_=None, metadata={"error_type": type_}, label=label)
        step = label or place_of(frame.path, frame.pc)
        fault = fault_of(self._run.version.task_id, step=step, type_=type_, message=message)
        return Verdict(BranchStatus.FAILED, error=message, fault=fault)

    # -- the walk -------------------------------------------------------------------------------------------------

    def _walk(self, deadline: float) -> Verdict | None:
        """Come to the end of the rows, or hand on when the budget is used before."""
        for _ in range(settings.SLICE_STEPS * _PLACES_PER_STEP):
            if not self._goes_on():
                return None
            if time.monotonic() >= deadline:
                return self._handed_on(is_late=True)
        return self._handed_on()

    def _take_place(self) -> None:
        for frame in self.frames:
            self._read_input(frame)
        if self._told.get("answers"):
            self._answer(self._told["value"])
            return
        if "value" in self._told:
            self._top.input = self._told["value"]
        if self._told.get("fork"):
            self._rejoin()
        elif self._heard is not None:
            self._tell()

    def _goes_on(self) -> bool:
        """One row further, or over a whole step."""
        frame = self._top
        if not self._exists(frame):
            raise CannotGoOn(f"there is no step {frame.display}[{frame.pc}] in this version of the task")
        following = self._log.following()
        if following is None:
            return False
        if not frame.opened:
            self._take(following, frame, *_OPENINGS)
            frame.opened = True
            return True
        # A step whose body was gone into has not finished, or it would have been passed over.
        place = frame.display, frame.scope, frame.pc
        done = None if frame.waiting else self._log.end_of(place, in_workflow=frame.is_workflow)
        if done is not None:
            self._finish(frame, done)
        else:
            self._enter_again(frame, following)
        return True

    def _exists(self, frame: Frame) -> bool:
        try:
            self._step(frame)
        except LookupError:
            return False
        return True

    def _take(self, row: Row, frame: Frame, *types: TransitionType) -> None:
        if row.type not in types or (row.workflow, row.scope) != (frame.display, frame.scope):
            raise CannotGoOn(f"the program does not lead to row {row.seq} of the log")
        self._log.pass_over(row)

    def _finish(self, frame: Frame, row: Row) -> None:
        step = self._step(frame)
        if row.step_type not in (None, step.step_type) or row.label != step.label:
            raise CannotGoOn(f"step {row.workflow}[{row.step}] is another one in this version of the task")
        if step.blocks():
            self._keep_labels_within(frame, row)
        labels.finish_step(frame, step.label, str(row.id))
        self._log.pass_over(row)
        self._heard = None
        if row.type is TransitionType.STEP:
            frame.pc += 1
            self._input_of[id(frame)] = frame, row
            frame.waiting, frame.memory, frame.loop, frame.retries = False, None, None, []
            return
        if len(self.frames) == 1:
            raise CannotGoOn("the branch had ended")
        self.frames.pop()
        self._input_of.pop(id(frame), None)
        labels.leave(frame, self._top)
        self._heard = _Heard(row)

    def _enter_again(self, frame: Frame, row: Row) -> None:
        """The step was under way, and what comes next is in one of its bodies, or is its failure."""
        if row.type is TransitionType.STEP and row.place == (frame.display, frame.scope, frame.pc):
            self._log.pass_over(row)
            if row.caught:
                self._fail_again(row, row)
            else:
                self._call_again(frame, row)
            return
        outcome = self._started(frame)
        if isinstance(outcome, Wait):
            outcome = self._given_up(frame, outcome, row)
        if isinstance(outcome, Fork):
            failure = last_failure_below(self._branch_id, before=row.seq)
            if failure is None:
                raise CannotGoOn(f"the program does not lead to row {row.seq} of the log")
            self._keep_labels_within(frame, row)
            self._fail_again(failure, row)
            return
        if not isinstance(outcome, Enter):
            raise CannotGoOn(f"step {frame.display}[{frame.pc}] does not go into a body again")
        self._enter(frame, outcome)
        if outcome.items is not None:
            self._keep_loop(frame)

    def _started(self, frame: Frame) -> Any:
        self._read_input(frame)
        step = self._step(frame)
        context = StepRunContext(self._run, self.journal, frame, self.state, self._place)
        if self._heard is None or not frame.waiting:
            outcome = step.start(context)
        else:
            outcome = step.resume(context, self._event_of(frame, self._heard))
        self._heard = None
        return outcome

    def _given_up(self, frame: Frame, wait: Wait, row: Row) -> Outcome:
        """What the step did when nobody had answered in time."""
        frame.memory = wait.memory
        answers = self.journal.answers(answered_wait(self._branch_id, before=row.seq))
        context = StepRunContext(self._run, self.journal, frame, self.state, self._place)
        return self._step(frame).resume(context, TimedOut(tuple(answers)))

    def _event_of(self, frame: Frame, heard: _Heard) -> Event:
        if heard.failed is not None:
            return BodyFailed(**heard.failed)
        # The results of a loop over items are read back from the log.
        value = None if heard.row.loop is not None and frame.loop is not None else self._output(heard.row)
        return BodyReturned(value) if self._has_returned(heard.row) else BodyFinished(value)

    def _has_returned(self, row: Row) -> bool:
        """Whether the body that ended with this row, which a `try` watches, was left by a `return` in it."""
        if not self._is_guard():
            return False
        while row.type is TransitionType.FINISH_BRANCH:
            before = self._log.before(row)
            if before is None:
                return False
            ends = ends_below(self._branch_id, row.scope, after=before.seq, before=row.seq)
            if any(is_return(self._run.program, end.workflow, end.step) for end in (row, *ends)):
                return True
            if before.scope != row.scope:
                return False
            row = before
        return False

    def _keep_labels_within(self, frame: Frame, row: Row) -> None:
        if self._run.program.labels_bodies:
            place = frame.display, frame.scope, frame.pc
            # The step began behind the row that was passed last.
            found = labels_within(self._run.execution_id, place, after=self._log.passed, before=row.seq)
            labels.keep(frame, "joined", found)

    def _call_again(self, frame: Frame, row: Row) -> None:
        if row.next_scope is None or row.next_scope == row.scope or row.next_workflow is None:
            raise CannotGoOn(f"the program does not lead to row {row.seq} of the log")
        self._call_workflow(frame, CallWorkflow(row.next_workflow, None))
        # It is in the log already.
        self.transitions.clear()
        self._top.scope = row.next_scope
        self._input_of[id(self._top)] = self._top, row

    def _fail_again(self, failure: Row, row: Row) -> None:
        """The failure that a `try` in this branch heard of."""
        guard = next((level for level in range(len(self.frames) - 1, -1, -1) if self.frames[level].guarded), None)
        if guard is None:
            raise CannotGoOn(f"the program does not lead to row {row.seq} of the log")
        shown = self._shown_step() if failure is row else failure.shown
        told = {"message": str(self._output(failure)), "type": failure.error_type or "error", "step": shown}
        self._leave_bodies(guard)
        self._heard = _Heard(failure, failed=told)

    def _keep_loop(self, frame: Frame) -> None:
        """Turns that have finished know the loop by its id."""
        assert frame.loop is not None
        body = self._top
        known = self._log.turn_of(body.display, body.scope)
        if known is not None and known.loop is not None:
            items = self.items.pop(frame.loop)
            self.items[known.loop] = items
            self.journal.add_items(known.loop, items)
            frame.loop = body.turn = known.loop

    # -- the place ------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """The last row ended a body: its step hears of that as it would have."""
        heard, self._heard = self._heard, None
        assert heard is not None
        if heard.failed is not None:
            self._event = {"kind": "body_failed", **heard.failed}
        else:
            kind = "body_returned" if self._has_returned(heard.row) else "body"
            self._event = {"kind": kind, "value": self._output(heard.row)}

    def _answer(self, output: Json) -> None:
        """The step is not done again: it has this output."""
        self._heard = None
        frame = self._top
        context = StepRunContext(self._run, self.journal, frame, self.state, self._place)
        outcome = self._step(frame).answered(context, output)
        if isinstance(outcome, Done):
            outcome = replace(outcome, metadata={**outcome.metadata, "given_by": self._told["by"]})
        self._apply(frame, outcome)

    def _is_guard(self) -> bool:
        return self._step(self._top).kind == "try"

    def _rejoin(self) -> None:
        """Wait for the branches that were under way, beside those that have ended."""
        frame, fork = self._top, self._told["fork"]
        outcome = self._started(frame)
        kids = {child.index: child for child in Branch.objects.filter(parent_id=self._branch_id, fork=fork)}
        if not isinstance(outcome, Fork) or sorted(kids) != list(range(len(outcome.children))):
            raise CannotGoOn(f"step {frame.display}[{frame.pc}] does not make the same branches again")
        self._fork(frame, outcome)
        assert self._verdict is not None
        drafts, self._verdict = self._verdict.children, None
        frame.loop = fork
        left = {kids[draft.index].pk: draft.stack for draft in drafts if kids[draft.index].status not in FINAL_BRANCH}
        if left:
            self._verdict = Verdict(BranchStatus.JOINING, parallelism=outcome.parallelism, fork=fork, again=left)
        else:
            self._event = {"kind": "joined"}

    def _read_input(self, frame: Frame) -> None:
        known = self._input_of.pop(id(frame), None)
        if known is not None:
            frame.input = self._output(known[1])

    def _output(self, row: Row) -> Json:
        return self.journal.row_output(str(row.id))


def is_again(event: Mapping[str, Any] | None) -> bool:
    """Whether a branch has to find its place first."""
    return event is not None and event.get("kind") == AGAIN
