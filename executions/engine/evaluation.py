"""Where the expressions of a step are evaluated, so that one that stands still harms only itself.

A process of the queue `engine` does nothing beside its slice: a timer ends it when an evaluation takes too much
processor time. The branch is claimed again then, and whatever ended the worker, this time each expression runs in a
child process: the one that ends it fails its step. It lasts until the branch is past the place where it lost its
worker. Where calls are made, other threads wait for the interpreter: only what is light is evaluated there, the rest is
left to the queue `engine`.
"""

import json
import os
import signal
from collections.abc import Callable
from enum import StrEnum
from typing import NoReturn

from julep_project.core.json_value import Json
from tasks.expressions.apart import standstill
from tasks.expressions.errors import EvaluationError, ExpressionError, LimitExceeded
from tasks.expressions.limits import Budget

# For a child that waits for what never comes. Processor time is what counts: a busy machine may need long for little.
_CHILD_S = 120


class HeavyExpression(Exception):
    """The step has an expression that is not evaluated in this process."""


class EvaluatedIn(StrEnum):
    """What the process is to a slice: its own, its own after it was lost once, or shared with other threads."""

    OWN = "own"
    SUSPECT = "suspect"
    SHARED = "shared"


def in_child(work: Callable[[], Json], budget: Budget) -> Json:
    """What `work` gives, done in a copy of this process. It must not read the database.

    Raises:
        EvaluationError: it failed, or it ended the child.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_child(work, budget, writer)
    os.close(writer)
    with open(reader, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == standstill.SIGNAL:
        raise standstill.stood_still(standstill.limit_s())
    if status or not text:
        raise LimitExceeded("the process that evaluated the expression ended")
    told = json.loads(text)
    budget.fuel, budget.size, budget.cpu_seconds = told["left"]
    if "error" in told:
        raise EvaluationError(told["error"], type=told["type"])
    return told["value"]


def _be_child(work: Callable[[], Json], budget: Budget, writer: int) -> NoReturn:
    """Write what comes out, and leave without any of the parent's cleaning up."""
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _CHILD_S)
        with standstill.timed(), open(writer, "wb") as pipe:
            told = _outcome(work)
            pipe.write(json.dumps({**told, "left": [budget.fuel, budget.size, budget.cpu_seconds]}).encode())
        status = 0
    finally:
        os._exit(status)


def _outcome(work: Callable[[], Json]) -> dict[str, Json]:
    try:
        return {"value": work()}
    except ExpressionError as error:
        return {"error": error.message, "type": getattr(error, "type", type(error).__name__)}
