"""Which tools are dangerous to an agent: people agree to their calls where those depend on content of others."""

from collections.abc import Mapping
from typing import Any

from agents.policy.policy import Policy
from agents.tool_types import Effect
from agents.tools.properties.properties import properties_of


def is_dangerous(tool: Mapping[str, Any], policy: Policy) -> bool:
    """Whether calls of a tool, given as its body, are dangerous. To an agent without a policy of its own only where the
    tool itself says so: nobody is asked for the sake of a tool of whose effect nobody has thought."""
    if tool.get("effect") == Effect.DANGEROUS:
        return True
    return policy.is_own and properties_of(tool).effect is Effect.DANGEROUS
