"""Effect of a tool step: run the tool."""

from collections.abc import Callable
from typing import Any

from agents.tools.runners import run_tool
from executions.engine.run import Run


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What gives the tool's result; everything it needs from the database is read by now."""
    request = effect["request"]
    developer = run.developer
    return lambda: run_tool(
        developer,
        request["tool"],
        request["arguments"],
        idempotency_key=effect["key"],
        timeout=effect["options"].get("timeout"),
    )
