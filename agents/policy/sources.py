"""Where content comes from that somebody else may have written."""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.tool_kinds import CLIENT_RUN

USER, DOCS, WEB, TOOLS = "user", "docs", "web", "tools"
SOURCES = (USER, DOCS, WEB, TOOLS)
Sources = frozenset[str]

NOWHERE: Sources = frozenset()
ANYWHERE: Sources = frozenset(SOURCES)
OF_DOCS: Sources = frozenset({DOCS})
OF_USER: Sources = frozenset({USER})
OF_WEB: Sources = frozenset({WEB})
# What a tool gives of which nothing is known: one that has been removed, or was never here.
OF_ANY_TOOL: Sources = frozenset({TOOLS, WEB, DOCS})

# Of the providers of integrations, those that do not read what strangers publish or send.
_NO_WEB = frozenset({"cloudinary", "dummy", "ffmpeg", "google_sheets", "mailgun", "weather"})


def sources_of_tool(tool: Mapping[str, Any] | None) -> Sources:
    """Where the results of a tool come from, given as its body; None: it is not known."""
    if tool is None:
        return OF_ANY_TOOL
    kind, spec = tool.get("type"), tool.get(str(tool.get("type"))) or {}
    if kind in ("api_call", "mcp"):
        return frozenset({TOOLS, WEB})
    if kind == "integration":
        return frozenset({TOOLS}) if spec.get("provider") in _NO_WEB else frozenset({TOOLS, WEB})
    # What the API itself stores may be of anywhere: histories and outputs of runs tell of all that was read for them.
    return frozenset({TOOLS}) if kind in CLIENT_RUN else OF_ANY_TOOL


def together(several: Iterable[Sources]) -> Sources:
    """All of these sources."""
    return NOWHERE.union(*several)


def in_order(sources: Iterable[str]) -> list[str]:
    """The sources as they are stored and told."""
    known = set(sources)
    return [source for source in SOURCES if source in known]
