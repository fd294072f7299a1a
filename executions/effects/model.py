"""Effect of a prompt step: ask a model."""

from collections.abc import Callable
from typing import Any

from django.conf import settings as server

from agents.llm import gateway
from agents.spending import limits
from agents.tools.presets import present_with
from executions.engine.run import Run
from julep_project.core.pauses.standing import in_force


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What gives the provider's whole answer; everything it needs from the database is read by now."""
    request = effect["request"]
    developer, agent = run.developer, run.agent
    tools = _offered(run, request.get("tools"))
    limits.in_force(developer)  # read while there is a connection
    in_force()  # likewise
    timeout_s = effect["options"].get("timeout") or server.MODEL_TIMEOUT_S
    return lambda: gateway.complete(
        developer,
        agent=agent,
        messages=request["messages"],
        settings=request.get("settings") or {},
        tools=tools,
        tool_choice=request.get("tool_choice"),
        disable_cache=bool(request.get("disable_cache")),
        timeout_s=timeout_s,
        metadata={"execution_id": str(run.execution_id), "request_id": effect["key"]},
    )


def _offered(run: Run, wanted: Any) -> list[dict[str, Any]] | None:
    """The tools a step asked for: all there are, or those it names; a whole definition stands for itself.

    Arguments that metadata presets are not offered.
    """
    if wanted is None:
        return None
    tools = run.tools() if wanted == "all" else [each for tool in wanted for each in _named(run, tool)]
    return present_with(run.presets, tools) if tools else []


def _named(run: Run, tool: dict[str, Any]) -> list[dict[str, Any]]:
    """The tool, or those of the server that is named."""
    return run.tools_named(tool["name"]) if set(tool) == {"name"} else run.completed([tool])
