"""Which calls are dangerous to an agent: people agree to them where they depend on content of others."""

from collections.abc import Mapping
from typing import Any

from agents.policy.policy import Policy
from agents.tool_types import Effect
from agents.tools.presets import NO_PRESETS, Presets
from agents.tools.properties.called import NO_ARGUMENTS, effect_of_call


def is_dangerous(
    tool: Mapping[str, Any],
    policy: Policy,
    arguments: Mapping[str, Any] = NO_ARGUMENTS,
    presets: Presets = NO_PRESETS,
) -> bool:
    """Whether a call of a tool, given as its body, is dangerous with these arguments of the author of a task.

    To an agent without a policy of its own only where the tool itself says so: nobody is asked for the sake of a tool
    of whose effect nobody has thought."""
    if tool.get("effect") == Effect.DANGEROUS:
        return True
    return policy.is_own and effect_of_call(tool, arguments, presets) is Effect.DANGEROUS
