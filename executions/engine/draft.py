"""What a slice wants written: rows of the log, the branch's new state, new children. No database here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.tool_types import ALWAYS
from executions.engine.history.faults import Fault
from executions.states import BranchStatus, ExecutionStatus, TransitionType
from julep_project.core.clock import now
from julep_project.core.ids import uuid7
from tasks.steps.outcomes import AwaitedEvent

# What an effect in an open wait says that it waits for, if it is to be made when the wait is over.
WAITS_FOR = "waits_for"
# Of those: for a person who agrees to the call.
APPROVAL = "approval"
# Or for somebody who does something else, or answers; and what the call is given of that when it is made again.
ACTION = "action"
GIVEN = "given"
# In the effect of a call that a person has agreed to: the digest of exactly that call.
AGREED = "agreed"
# The run that a call has begun: should it be removed, it is not begun again.
BEGUN = "begun"


@dataclass(slots=True)
class TransitionDraft:
    """A row of the log that is not written yet; its sequence number comes with the commit."""

    type: TransitionType
    current: dict[str, Any]
    next: dict[str, Any] | None
    output: Any
    output_text: str
    scope: str
    step_label: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    position: int | None = None
    loop: str | None = None
    id: UUID = field(default_factory=uuid7)
    created_at: datetime = field(default_factory=now)


@dataclass(slots=True)
class ChildDraft:
    """A branch to be made for one item of a map or one arm of a parallel step."""

    index: int
    stack: list[dict[str, Any]]
    id: UUID = field(default_factory=uuid7)


@dataclass(slots=True)
class Verdict:
    """How a slice leaves its branch.

    `event` is what a step is still to be told when the budget ran out. `fork` groups the children made together.
    `interrupt` is an event for the parent that ends all its other children: a `return` or a failure inside an arm.
    `wait_id` is the `wait` transition a suspended branch stands at, `awaits` the event that ends that wait.
    `sleep_s` is counted by the database's clock.
    `again`: frames of children that are there already, and wait for it. `is_late`: the slice ended because its time was
    over. `is_heavy`: what comes next is not for a process that others share.
    """

    status: BranchStatus
    event: dict[str, Any] | None = None
    output: Any = None
    sleep_s: float | None = None
    effect: dict[str, Any] | None = None
    wait_id: UUID | None = None
    awaits: AwaitedEvent | None = None
    children: list[ChildDraft] = field(default_factory=list)
    again: Mapping[UUID, list[dict[str, Any]]] = field(default_factory=dict)
    parallelism: int | None = None
    fork: str | None = None
    interrupt: dict[str, Any] | None = None
    error: str | None = None
    fault: Fault | None = None
    is_late: bool = False
    is_heavy: bool = False

    def ends_run(self, *, is_main: bool) -> ExecutionStatus | None:
        """How the run ends with this, of its main branch or of one below; None when it goes on."""
        if self.status is BranchStatus.FAILED and self.interrupt is None:
            return ExecutionStatus.FAILED
        return ExecutionStatus.SUCCEEDED if self.status is BranchStatus.DONE and is_main else None

    @property
    def awaited(self) -> int:
        """How many children it waits for."""
        return len(self.children) + len(self.again)


def is_at_most_once(effect: Mapping[str, Any]) -> bool:
    """Whether the effect calls a tool that is declared `at_most_once`."""
    return effect["kind"] == "tool" and effect["request"]["tool"].get("at_most_once") is True


def is_surely_unsent(effect: Mapping[str, Any]) -> bool:
    """Whether the effect is a call that a person must agree to, and nobody has: no attempt can have made it."""
    return effect["kind"] == "tool" and effect["request"]["tool"].get("approval") == ALWAYS and AGREED not in effect
