"""Runs one tool call, whatever its kind."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from agents.models import Developer
from agents.tool_types import ToolType
from agents.tools import api_call, system
from agents.tools.definition import spec_of
from agents.tools.errors import Delivery, ToolError
from agents.tools.integrations import registry as integrations
from agents.tools.presets import NO_PRESETS, Presets, with_setup
from agents.tools.registry import Runner, ToolCall, register_runner, runner_for
from agents.tools.secrecy import hiding
from agents.tools.supplied import settle_by_author, settle_by_model

log = logging.getLogger(__name__)

# Calls that may lead to one another: a tool starts an execution, whose tool starts an execution ...
MAX_DEPTH = 10
_depth: ContextVar[int] = ContextVar("tool_depth", default=0)

register_runner(ToolType.API_CALL.value, api_call.run)
register_runner(ToolType.INTEGRATION.value, integrations.run)
register_runner(ToolType.SYSTEM.value, system.run)


def run_tool(
    developer: Developer,
    tool: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    idempotency_key: str,
    timeout: float | None = None,
    presets: Presets = NO_PRESETS,
    from_model: bool = False,
    depth: int | None = None,
) -> Any:
    """Carry out a tool given as its wire body and return its result as plain JSON.

    The same key may be used again when an earlier attempt was lost; `timeout` is in seconds, for the whole call.
    Say `from_model` when a model wrote the arguments: it may supply only what it was offered. `depth` counts the
    calls that led to where this one is made; without it, it is that of the tool call this happens in.

    Raises:
        BadArguments: better arguments may help. ToolError: the call failed otherwise.
    """
    kind = str(tool["type"])
    if not isinstance(arguments, Mapping):
        raise ToolError(f"the arguments of the tool {tool['name']!r} must be an object")
    runner = runner_for(kind)
    settled = (settle_by_model if from_model else settle_by_author)(tool, arguments, presets)
    with _one_deeper(_depth.get() if depth is None else depth) as reached:
        spec = spec_of(with_setup(presets, tool))
        call = ToolCall(
            developer=developer,
            name=str(tool["name"]),
            kind=kind,
            spec=spec,
            arguments=settled.arguments,
            idempotency_key=idempotency_key,
            timeout_s=timeout,
            from_model=from_model,
            by_model=settled.by_model,
            depth=reached,
        )
        with hiding({**spec, "presets": presets.for_tool(tool)}):
            return _timed(runner, call)


def current_depth() -> int:
    """How many tool calls led here; 0 outside of any. Hand it on as `depth` where the context does not travel."""
    return _depth.get()


@contextmanager
def _one_deeper(depth: int) -> Iterator[int]:
    if depth >= MAX_DEPTH:
        raise ToolError(f"tools have called each other {depth} deep; that is the limit", delivery=Delivery.NOT_SENT)
    token = _depth.set(depth + 1)
    try:
        yield depth + 1
    finally:
        _depth.reset(token)


def _timed(runner: Runner, call: ToolCall) -> Any:
    started = time.monotonic()
    outcome = "failed"
    try:
        result = runner(call)
        outcome = "succeeded"
        return result
    finally:
        seconds = round(time.monotonic() - started, 3)
        log.info(
            "tool called", extra={"action": "tool_called", "kind": call.kind, "outcome": outcome, "seconds": seconds}
        )
