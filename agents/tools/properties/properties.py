"""What is known of the calls of a tool before any is made: the one place that tells, by the definition alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from agents.tool_types import NEVER, Effect
from agents.tools.properties.effects import usual_effect
from agents.tools.properties.words import PERIODS_S
from julep_project.core.json_value import Json


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in any period of that length."""

    calls: int
    per: str

    @property
    def period_s(self) -> int:
        return PERIODS_S[self.per]

    @classmethod
    def of(cls, tool: Mapping[str, Json]) -> Self | None:
        """That of a tool, if it has one."""
        rate = tool.get("rate")
        return cls(rate["calls"], rate["per"]) if isinstance(rate, Mapping) else None


@dataclass(frozen=True, slots=True)
class Properties:
    """`idempotent`: a call of which nobody knows whether it was carried out may be made again, under the same key.
    `timeout_s` bounds each call; `approval` is `never`, `always` or a condition."""

    effect: Effect
    idempotent: bool
    approval: str
    timeout_s: float | None = None
    rate: Rate | None = None


def properties_of(tool: Mapping[str, Json]) -> Properties:
    """The properties of a tool given as its wire body: what it declares, else what is usual for its kind. Of a tool of
    an MCP server nothing that the server says makes it more harmless than that."""
    declared = tool.get("effect")
    return Properties(
        effect=usual_effect(tool) if declared is None else Effect(declared),
        idempotent=tool.get("at_most_once") is not True,
        approval=str(tool.get("approval") or NEVER),
        timeout_s=tool.get("timeout"),
        rate=Rate.of(tool),
    )
