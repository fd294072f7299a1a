"""What a task may do with dangerous tools, told when it is made."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from agents.models import Agent
from agents.policy.policy import Policy
from agents.policy.sources import sources_of_tool
from agents.tools.properties.danger import is_dangerous
from agents.tools.registry import completed_tools
from julep_project.core.errors import InvalidInput
from tasks.programs.program import Program
from tasks.taint.report import report_on
from tasks.taint.walk import Tools, reached_calls


def check_dangers(agent: Agent, program: Program, tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Warnings of dangerous tools that may run without a person, and of those that wait for one. `tools` are those that
    the task may call by their names.

    Raises:
        InvalidInput: the policy of the agent does not let in what may reach one.
    """
    policy = Policy.of(agent.policy)
    danger = partial(is_dangerous, policy=policy)
    own = (tool for step in program.all_steps() for _, tool in step.own_tools())
    whole = completed_tools(agent.developer_id, agent.pk, tools)
    if not any(map(danger, (*whole, *own))):
        return []
    calls = reached_calls(program, Tools({tool["name"]: tool for tool in whole}, sources_of_tool))
    report = report_on(calls, policy, danger)
    if report.refused:
        raise InvalidInput(report.refused)
    return report.warnings
