"""What an agent's policy says of calls that depend on content of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from agents.policy.sources import DOCS, TOOLS, WEB, Sources


@dataclass(frozen=True, slots=True)
class Policy:
    """`tainted`: sources that must not decide about dangerous calls without a person. `allow`: names of tools that may
    be called all the same, or of arguments (`tool.argument`) that may hold such content. One that `refuses` keeps out
    tasks in which it might reach a dangerous tool; others only tell of them. `is_own`: the agent has it, and it is not
    the default."""

    tainted: Sources = frozenset({DOCS, WEB, TOOLS})
    allow: frozenset[str] = frozenset()
    refuses: bool = False
    is_own: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Self:
        """That of an agent, as it is stored; None is the default."""
        given = stored or {}
        tainted = given.get("tainted")
        return cls(
            tainted=cls().tainted if tainted is None else frozenset(tainted),
            allow=frozenset(given.get("allow") or ()),
            refuses=tainted is not None,
            is_own=stored is not None,
        )

    def allows(self, tool: str, argument: str | None = None) -> bool:
        """Whether the tool may be called, or the argument filled, whatever the content comes from."""
        return tool in self.allow or (argument is not None and f"{tool}.{argument}" in self.allow)


DEFAULT_POLICY = Policy()
