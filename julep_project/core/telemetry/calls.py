"""What is told of calls outside: one line when it starts, one when it ends or fails."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from julep_project.core.telemetry.registry import (
    MODEL_CALLS,
    MODEL_COST,
    MODEL_SECONDS,
    MODEL_TOKENS,
    TOOL_CALLS,
    TOOL_SECONDS,
)

log = logging.getLogger(__name__)


class SeenCall:
    """One call of a model or a tool. Of its end only what is said first counts."""

    def __init__(self, kind: str, name: str, **fields: object) -> None:
        """`kind` is `model`, `embedding` or `tool`."""
        self._kind, self._name = kind, name
        self._type = str(fields.get("tool_type", ""))
        self._fields: Mapping[str, object] = {"kind": kind, "tool" if kind == "tool" else "model": name, **fields}
        self._began = 0.0
        self._is_open = False

    def begin(self) -> None:
        """It is made from here on."""
        self._began = time.monotonic()
        self._is_open = True
        log.info("call started", extra=self._fields)

    def fail(self, error: BaseException) -> None:
        """It gave no answer. What the error says may hold what was sent, so its kind is told."""
        if self._close():
            seconds = self._count("failed")
            cause = {} if error.__cause__ is None else {"cause": type(error.__cause__).__name__}
            told = {"error_type": type(error).__name__, "seconds": seconds, **cause}
            log.warning("call failed", extra={**self._fields, **told})

    def end(self, **fields: object) -> None:
        """It gave its answer."""
        if self._close():
            seconds = self._count("succeeded")
            log.info("call ended", extra={**self._fields, "seconds": seconds, **fields})

    def end_of_model(self, prompt_tokens: int, completion_tokens: int, cost: Decimal | None) -> None:
        """The same of a model, with what the call used; `cost` in US dollars, None where no price is known."""
        MODEL_TOKENS.add(self._name, "prompt", amount=prompt_tokens)
        MODEL_TOKENS.add(self._name, "completion", amount=completion_tokens)
        if cost:
            MODEL_COST.add(self._name, amount=float(cost))
        self.end(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost=cost)

    def _close(self) -> bool:
        was_open, self._is_open = self._is_open, False
        return was_open

    def _count(self, result: str) -> float:
        """How long it took."""
        seconds = time.monotonic() - self._began
        if self._kind == "tool":
            TOOL_CALLS.add(self._name, self._type, result)
            TOOL_SECONDS.observe(seconds, self._type)
        else:
            MODEL_CALLS.add(self._name, result)
            MODEL_SECONDS.observe(seconds, self._name)
        return round(seconds, 3)


@contextmanager
def calling_tool(name: str, tool_type: str) -> Iterator[None]:
    """A tool is called in this block."""
    seen = SeenCall("tool", name, tool_type=tool_type)
    seen.begin()
    try:
        yield
    except BaseException as error:
        seen.fail(error)
        raise
    seen.end()
