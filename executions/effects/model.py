"""Effect of a prompt step: ask a model, and once more when the answer does not have the form that was asked for."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings as server

from agents.llm import gateway
from agents.llm.reply_form import check_reply, objection, rejected
from agents.llm.request import merged_settings
from agents.tools.presets import present_with
from executions.engine.run import Run


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What gives the provider's whole answer; everything it needs from the database is read by now."""
    request = effect["request"]
    developer, agent = run.developer, run.agent
    tools = _offered(run, request.get("tools"))
    timeout_s = effect["options"].get("timeout") or server.MODEL_TIMEOUT_S

    def ask(messages: list[dict[str, Any]], deadline: float) -> Any:
        return gateway.complete(
            developer,
            agent=agent,
            messages=messages,
            settings=request.get("settings") or {},
            tools=tools,
            tool_choice=request.get("tool_choice"),
            disable_cache=bool(request.get("disable_cache")),
            timeout_s=max(deadline - time.monotonic(), _SHORTEST_S),
            metadata={"execution_id": str(run.execution_id), "request_id": effect["key"]},
        )

    wanted = merged_settings(agent, request.get("settings")).get("response_format")
    return lambda: _ask_for_form(ask, request["messages"], wanted, time.monotonic() + timeout_s)


# What the second question gets when the first has used up the step's time.
_SHORTEST_S = 0.1

Ask = Callable[[list[dict[str, Any]], float], Any]


def _ask_for_form(ask: Ask, messages: list[dict[str, Any]], wanted: Any, deadline: float) -> Any:
    """The first answer that has the wanted form, of two at most.

    Raises:
        ReplyRejected: neither has it.
    """
    for _ in range(2):
        answer = ask(messages, deadline)
        problem = check_reply(wanted, answer)
        if problem is None:
            return answer
        said = answer["choices"][0]["message"].get("content") or ""
        messages = [*messages, *objection(said, problem)]
    assert problem is not None
    raise rejected(problem)


def _offered(run: Run, wanted: Any) -> list[dict[str, Any]] | None:
    """The tools a step asked for: all there are, or those it names; a whole definition stands for itself.

    Arguments that metadata presets are not offered.
    """
    if wanted is None:
        return None
    tools = run.tools() if wanted == "all" else [_named(run, tool) for tool in wanted]
    return present_with(run.presets, tools) if tools else []


def _named(run: Run, tool: dict[str, Any]) -> dict[str, Any]:
    return run.tool(tool["name"]) if set(tool) == {"name"} else tool
