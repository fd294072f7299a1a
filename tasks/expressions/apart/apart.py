"""Rendering templates and evaluating expressions in processes of their own.

One that stands still holds up nobody but its own request.

A process is started when it is first needed and kept. It ends with the one that started it (its input ends then), and
when a template takes too much processor time; the next request starts another.
"""

import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from julep_project.core.json_value import Json
from julep_project.core.process import memory
from tasks.expressions.apart import evaluator, standstill
from tasks.expressions.errors import EvaluationError, LimitExceeded
from tasks.expressions.expression import Expression
from tasks.expressions.limits import MAX_STRING, Budget
from tasks.expressions.templates.templates import Template

log = logging.getLogger(__name__)


_ROOT = Path(__file__).resolve().parents[3]
_MAX_ANSWER = 8 * MAX_STRING
_READ_BYTES = 1 << 20
# The processor time is what counts. This is for a process that gets none, or waits for what never comes.
_ANSWER_S = 30.0
# One that holds more is replaced by the next request: what large values leave behind is not given back for long.
_MOST_MB = 256


class EvaluatorsBusy(Exception):
    """All processes are at work and none became free in time, or the system gives no more of them."""


class _Ended(Exception):
    """The process gave no answer."""


class _Evaluator:
    """One process. Used by one thread at a time."""

    def __init__(self, cpu_seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tasks.expressions.apart.evaluator", str(cpu_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)

    @property
    def is_fit(self) -> bool:
        """Whether it lives and holds no more memory than one should."""
        return self._process.poll() is None and memory.resident_mb_of(self._process.pid) <= _MOST_MB

    def ask(self, request: Json) -> Json:
        """The answer to a request.

        Raises:
            _Ended: it died or kept silent; it is gone then.
        """
        deadline = time.monotonic() + _ANSWER_S
        try:
            self._send(memoryview(evaluator.frame(request)), deadline)
            return self._receive(deadline)
        except (OSError, ValueError, _Ended) as error:
            self.close()
            raise _Ended from error

    def _send(self, message: memoryview, deadline: float) -> None:
        while message:
            _wait(self._input.fileno(), select.POLLOUT, deadline)
            message = message[os.write(self._input.fileno(), message[:_READ_BYTES]) :]

    def _receive(self, deadline: float) -> Json:
        received, wanted = bytearray(), evaluator.LENGTH_BYTES
        while len(received) < wanted:
            _wait(self._output.fileno(), select.POLLIN, deadline)
            piece = os.read(self._output.fileno(), _READ_BYTES)
            received += piece
            length = evaluator.length_of(received)
            wanted = evaluator.LENGTH_BYTES + (length or 0)
            if not piece or wanted > _MAX_ANSWER:
                raise _Ended
        return evaluator.body_of(received)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self._output):
            pipe.close()

    @property
    def was_stopped(self) -> bool:
        """Whether its own timer ended it."""
        return self._process.returncode == -standstill.SIGNAL


def _wait(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _Ended


class Evaluators:
    """A pool of such processes, at most so many. Safe for threads."""

    def __init__(self, count: int, *, cpu_seconds: float, patience_s: float = 10.0) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._idle: list[_Evaluator] = []
        self._cpu_seconds = cpu_seconds
        self._patience_s = patience_s

    def render(self, template: Template, scope: Mapping[str, Json], budget: Budget) -> str:
        """The text of a template on the budget, as `Template.render` gives it in this process.

        Raises:
            EvaluationError: it failed, or was stopped because it did not end.
            EvaluatorsBusy
        """
        return str(self._answer("template", template.source, scope, budget)["text"])

    def evaluate(self, expression: Expression, scope: Mapping[str, Json], budget: Budget) -> Json:
        """The value of an expression on the budget, as `Expression.evaluate` gives it in this process.

        Raises: as `render` does.
        """
        return self.evaluate_all([expression], scope, budget)[0]

    def evaluate_all(self, expressions: Sequence[Expression], scope: Mapping[str, Json], budget: Budget) -> list[Json]:
        """The values of expressions over the same names, all on the budget, by one request.

        Raises: as `render` does.
        """
        values: list[Json] = self._answer("expressions", [each.source for each in expressions], scope, budget)["values"]
        return values

    def _answer(self, kind: str, source: str | list[str], scope: Mapping[str, Json], budget: Budget) -> Json:
        # What no source contains it cannot read.
        sources = [source] if isinstance(source, str) else source
        named = {name: value for name, value in scope.items() if any(name in each for each in sources)}
        left = {"fuel": budget.fuel, "size": budget.size, "cpu_seconds": budget.cpu_seconds}
        answer = self._ask({kind: source, "scope": named, **left})
        budget.fuel, budget.size, budget.cpu_seconds = answer["left"]
        if "error" in answer:
            raise _error_of(answer["error"], sources[answer["error"]["at"]])
        return answer

    def _ask(self, request: Json) -> Json:
        if not self._free.acquire(timeout=self._patience_s):
            raise EvaluatorsBusy
        try:
            process = self._take()
            try:
                answer = process.ask(request)
            except _Ended as error:
                if process.was_stopped:
                    raise standstill.stood_still(self._cpu_seconds) from error
                raise LimitExceeded("the process that evaluated the expression ended") from error
            self._idle.append(process)
            return answer
        finally:
            self._free.release()

    def _take(self) -> _Evaluator:
        while self._idle:
            try:
                process = self._idle.pop()
            except IndexError:
                break
            if process.is_fit:
                return process
            process.close()
        try:
            return _Evaluator(self._cpu_seconds)
        except OSError as error:
            log.warning("no process for templates", extra={"reason": str(error)})
            raise EvaluatorsBusy from error

    def close(self) -> None:
        """End the processes that are idle."""
        while self._idle:
            self._idle.pop().close()


def _error_of(told: Mapping[str, Json], source: str) -> EvaluationError:
    if told["type"] == "LimitExceeded":
        error: EvaluationError = LimitExceeded(told["message"], source=source)
    else:
        error = EvaluationError(told["message"], type=told["type"], source=source)
    error.line = told["line"]
    return error
