"""One level of a branch's stack: plain JSON, so that it survives a crash and a reload."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

PathPart = str | int


@dataclass(slots=True)
class Frame:
    """A body being run.

    `path` addresses the body in the program (`["main"]`, `["main", 3, "then"]`), `pc` the current step in it.
    `scope` identifies the call of the named workflow the body belongs to, `depth` tells how many calls led to it, in
    this branch and those above. `display` is the workflow name shown in the log. `input` is `_` of the current step.
    `opened` tells that the body's `opening` row is written, `waiting` that the current step was started and is to be
    resumed. `loop` is the loop the current step runs, `turn` the loop this body is a turn of. `names` are in scope
    besides the usual ones. `guarded`: the step below wants to hear of a failure or a `return` in here; `sheltered`:
    some step of a parent branch does. `retries` are the notes of the current step's failed attempts.
    """

    path: list[PathPart]
    scope: str
    display: str
    input: Any
    pc: int = 0
    opened: bool = False
    waiting: bool = False
    memory: Any = None
    loop: str | None = None
    turn: str | None = None
    names: dict[str, Any] = field(default_factory=dict)
    guarded: bool = False
    sheltered: bool = False
    retries: list[dict[str, Any]] = field(default_factory=list)
    depth: int = 0
    opening: str = "init_branch"
    closing: str = "finish_branch"

    def to_json(self) -> dict[str, Any]:
        """The stored form; it shares its values with the frame."""
        return {name: getattr(self, name) for name in _NAMES}

    @property
    def workflow(self) -> str:
        """Name of the enclosing named workflow."""
        return str(self.path[0])

    @property
    def position(self) -> int:
        """Place of the current step, or of the step whose body this is, in the enclosing named workflow."""
        return self.pc if self.is_workflow else int(self.path[1])

    @property
    def is_workflow(self) -> bool:
        """Whether the body is that of a named workflow, not nested in a step."""
        return len(self.path) == 1

    def target(self, step: int | None = None) -> dict[str, Any]:
        """`current` or `next` of a transition."""
        return {"workflow": self.display, "step": self.pc if step is None else step, "scope_id": self.scope}

    def body_display(self, suffix: str) -> str:
        """Name shown for a body of the current step, such as `` `main`[1].foreach[0] ``."""
        return f"`{self.display}`[{self.pc}].{suffix}"


_NAMES = tuple(one.name for one in fields(Frame))


def frames_from_json(stack: Sequence[dict[str, Any]]) -> list[Frame]:
    """The stack of a branch row."""
    return [Frame(**frame) for frame in stack]
