"""What a task may do with dangerous tools, told when it is made."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from agents.models import Agent
from agents.policy.policy import Policy
from agents.policy.sources import sources_of_tool
from agents.tool_types import ToolType
from agents.tools.properties.called import METHOD
from agents.tools.properties.danger import is_dangerous
from agents.tools.registry import completed_tools
from julep_project.core.errors import InvalidInput
from tasks.programs.program import Program
from tasks.taint.report import report_on
from tasks.taint.walk import Reached, Tools, reached_calls

# Kinds of which a step may choose the method.
_CHOSEN_IN_STEPS = frozenset({ToolType.API_CALL.value, ToolType.INTEGRATION.value, ToolType.MCP.value})


def check_dangers(agent: Agent, program: Program, tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Warnings of dangerous tools that may run without a person, and of those that wait for one. `tools` are those that
    the task may call by their names.

    Raises:
        InvalidInput: the policy of the agent does not let in what may reach one.
    """
    policy = Policy.of(agent.policy)
    own = (tool for step in program.all_steps() for _, tool in step.own_tools())
    whole = completed_tools(agent.developer_id, agent.pk, tools)
    if not any(_may_be_dangerous(tool, policy) for tool in (*whole, *own)):
        return []
    calls = reached_calls(program, Tools({tool["name"]: tool for tool in whole}, sources_of_tool))
    report = report_on(calls, policy, partial(_is_dangerous, policy))
    if report.refused:
        raise InvalidInput(report.refused)
    return report.warnings


def _may_be_dangerous(tool: Mapping[str, Any], policy: Policy) -> bool:
    """Whether some call of the tool may be: a step may bring what its definition does not say."""
    return is_dangerous(tool, policy) or (policy.is_own and tool.get("type") in _CHOSEN_IN_STEPS)


def _is_dangerous(policy: Policy, call: Reached) -> bool:
    """Whether the call is, or may be because of what is known only in a run."""
    if is_dangerous(call.tool, policy, call.literals):
        return True
    if not policy.is_own or call.arguments is None or call.tool.get("type") != ToolType.API_CALL:
        return False
    is_open = bool(call.sources)
    return METHOD not in call.literals and (is_open or METHOD in call.arguments)
