"""Runs one tool call, whatever its kind."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from agents.models import Developer
from agents.tool_types import ToolType
from agents.tools import api_call
from agents.tools.errors import ToolError
from agents.tools.registry import ToolCall, register_runner, runner_for

log = logging.getLogger(__name__)

register_runner(ToolType.API_CALL.value, api_call.run)


def run_tool(
    developer: Developer,
    tool: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    idempotency_key: str,
    timeout: float | None = None,
) -> Any:
    """Carry out a tool given as its wire body and return its result as plain JSON.

    The same key may be used again when an earlier attempt was lost; `timeout` is in seconds, for the whole call.

    Raises:
        ToolError
    """
    kind = str(tool["type"])
    if not isinstance(arguments, Mapping):
        raise ToolError(f"the arguments of the tool {tool['name']!r} must be an object")
    call = ToolCall(
        developer=developer,
        name=str(tool["name"]),
        kind=kind,
        spec=tool.get(kind) or {},
        arguments=arguments,
        idempotency_key=idempotency_key,
        timeout_s=timeout,
    )
    runner = runner_for(kind)
    started = time.monotonic()
    outcome = "failed"
    try:
        result = runner(call)
        outcome = "succeeded"
        return result
    finally:
        seconds = round(time.monotonic() - started, 3)
        log.info("tool called", extra={"action": "tool_called", "kind": kind, "outcome": outcome, "seconds": seconds})
