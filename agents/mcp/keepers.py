"""Upkeep of what is known of MCP servers."""

from agents.mcp.pinning import ask_others
from julep_project.core.work.keeper import Keeper, register

# Whoever has signed in has a few asked at once.
register(Keeper("mcp.ask_others", 60, ask_others))
