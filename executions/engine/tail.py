"""Calls in tail position: a workflow that ends by calling itself runs in constant space."""

from collections.abc import Sequence

from executions.engine.frame import Frame
from tasks.programs.program import Program


def replaced_frame(frames: Sequence[Frame], program: Program, workflow: str) -> int | None:
    """Index of the frame a call by the top frame's step may replace, with everything above it.

    That is a frame of the called workflow from which on nothing is left to do: every step on the way is the last of
    its body and hands the output of its own body on unchanged, and no step wants to hear of a failure.
    """
    for index in range(len(frames) - 1, -1, -1):
        frame = frames[index]
        steps = program.block(frame.path)
        is_calling = index == len(frames) - 1
        if frame.pc + 1 < len(steps) or (not is_calling and not steps[frame.pc].hands_on):
            return None
        if frame.is_workflow and frame.workflow == workflow:
            return index
        if frame.guarded:
            return None
    return None
