"""A provider that does nothing, for trying things out."""

from typing import Any

from agents.tool_types import Effect
from agents.tools.integrations.method import IntegrationCall, Method, schema


def echo(call: IntegrationCall) -> dict[str, Any]:
    """The arguments."""
    return dict(call.arguments)


METHODS = (
    Method(
        provider="dummy",
        name="echo",
        effect=Effect.READS,
        description="Gives back its arguments.",
        run=echo,
        arguments={**schema(), "additionalProperties": True},
    ),
)
