"""What is told of calls outside: one line when it starts, one when it ends or fails, numbers, and a span."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from julep_project.core.telemetry import tracing
from julep_project.core.telemetry.context import known_here
from julep_project.core.telemetry.registry import (
    MODEL_CALLS,
    MODEL_COST,
    MODEL_SECONDS,
    MODEL_TOKENS,
    TOOL_CALLS,
    TOOL_SECONDS,
)

log = logging.getLogger("agents.calls")

_OPERATIONS = {"model": "chat", "embedding": "embeddings", "tool": "execute_tool"}
# By the first word of models that name no provider.
_PROVIDERS = {"gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "text": "openai", "claude": "anthropic"}


class SeenCall:
    """One call of a model or a tool. Of its end only what is said first counts."""

    def __init__(self, kind: str, name: str, **fields: object) -> None:
        """`kind` is `model`, `embedding` or `tool`."""
        self._kind, self._name = kind, name
        self._type = str(fields.get("tool_type", ""))
        self._fields: Mapping[str, object] = {"kind": kind, "tool" if kind == "tool" else "model": name, **fields}
        self._began = 0.0
        self._is_open = False
        self.span: tracing.Span | None = None

    def begin(self) -> None:
        """It is made from here on."""
        self._began = time.monotonic()
        self._is_open = True
        self.span = tracing.open_span(*self._described(), kind="internal" if self._kind == "tool" else "client")
        log.info("call started", extra=self._fields)

    def fail(self, error: BaseException) -> None:
        """It gave no answer. What the error says may hold what was sent, so its kind is told."""
        if self._close():
            seconds = self._count("failed")
            cause = {} if error.__cause__ is None else {"cause": type(error.__cause__).__name__}
            told = {"error_type": type(error).__name__, "seconds": seconds, **cause}
            log.warning("call failed", extra={**self._fields, **told})
            if self.span is not None:
                self.span.end(type(error).__name__)

    def end(self, **fields: object) -> None:
        """It gave its answer."""
        if self._close():
            seconds = self._count("succeeded")
            log.info("call ended", extra={**self._fields, "seconds": seconds, **fields})
            if self.span is not None:
                self.span.end()

    def end_of_model(self, prompt_tokens: int, completion_tokens: int, cost: Decimal | None) -> None:
        """The same of a model, with what the call used; `cost` in US dollars, None where no price is known."""
        MODEL_TOKENS.add(self._name, "prompt", amount=prompt_tokens)
        MODEL_TOKENS.add(self._name, "completion", amount=completion_tokens)
        if cost:
            MODEL_COST.add(self._name, amount=float(cost))
        if self.span is not None:
            used = {"input_tokens": prompt_tokens, "output_tokens": completion_tokens}
            self.span.set({f"gen_ai.usage.{name}": count for name, count in used.items()})
        spent = None if cost is None else float(cost)
        self.end(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost=spent)

    def _described(self) -> tuple[str, dict[str, object]]:
        """Name and attributes of the span, by the conventions for generative AI."""
        here = known_here()
        told = {f"julep.{name}": here.get(name) for name in ("execution_id", "session_id", "step", "attempt")}
        told["gen_ai.conversation.id"] = here.get("session_id")
        operation = _OPERATIONS[self._kind]
        told["gen_ai.operation.name"] = operation
        if self._kind == "tool":
            told |= {"gen_ai.tool.name": self._name, "gen_ai.tool.type": "function", "julep.tool_type": self._type}
        else:
            told |= {"gen_ai.provider.name": provider_of(self._name), "gen_ai.request.model": self._name}
        return f"{operation} {self._name}", told

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


def provider_of(model: str) -> str:
    """As models are named here: `gemini/gemini-2.5-flash`, or a name that tells it."""
    provider, separator, _ = model.partition("/")
    return provider if separator else _PROVIDERS.get(model.partition("-")[0], "unknown")


@contextmanager
def calling_tool(name: str, tool_type: str) -> Iterator[None]:
    """A tool is called in this block."""
    seen = SeenCall("tool", name, tool_type=tool_type)
    seen.begin()
    try:
        with tracing.current(seen.span):
            yield
    except BaseException as error:
        seen.fail(error)
        raise
    seen.end()
