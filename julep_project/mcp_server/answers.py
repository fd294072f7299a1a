"""What tools answer, in the protocol's words."""

from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, TextContent

from julep_project.core.errors import DomainError
from julep_project.core.reading.jsontext import to_json_text


def told(value: Mapping[str, Any], text: str | None = None, *, is_error: bool = False) -> CallToolResult:
    """The value for programs, and a text for models: without one, the value as JSON."""
    shown = to_json_text(dict(value)) if text is None else text
    return CallToolResult(content=[TextContent(text=shown)], structured_content=dict(value), is_error=is_error)


def failed(error: DomainError) -> CallToolResult:
    """A failure that whoever called may mend: models see it."""
    return CallToolResult(content=[TextContent(text=in_words(error))], is_error=True)


def unknown(what: str) -> MCPError:
    """There is no such thing, or it is another developer's."""
    return MCPError(INVALID_PARAMS, f"{what} not found")


def refused(error: DomainError) -> MCPError:
    """The same outside of tools."""
    return MCPError(INVALID_PARAMS, in_words(error))


def in_words(error: DomainError) -> str:
    """What is wrong, and what may be done about it."""
    return f"{error.explanation}: {error.fix}" if error.fix else error.explanation
