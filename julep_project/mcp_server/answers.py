"""What tools answer, in the protocol's words."""

import logging
from collections.abc import Mapping
from typing import Any

from django import db
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, TextContent
from pydantic import ValidationError as PydanticError

from julep_project.core.errors import DomainError
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.storage_errors import as_domain_error

log = logging.getLogger(__name__)


def told(value: Mapping[str, Any], text: str | None = None, *, is_error: bool = False) -> CallToolResult:
    """The value for programs, and a text for models: without one, the value as JSON."""
    shown = to_json_text(dict(value)) if text is None else text
    return CallToolResult(content=[TextContent(text=shown)], structured_content=dict(value), is_error=is_error)


def failed(error: DomainError) -> CallToolResult:
    """A failure that whoever called may mend: models see it."""
    return CallToolResult(content=[TextContent(text=in_words(error))], is_error=True)


def unknown(what: str, **asked_for: str) -> MCPError:
    """There is no such thing, or it is another developer's. What was `asked_for` is told again."""
    return MCPError(INVALID_PARAMS, f"{what} not found", asked_for or None)


def refused(error: DomainError) -> MCPError:
    """The same outside of tools."""
    return MCPError(INVALID_PARAMS, in_words(error))


async def told_plainly(ctx: Any, call_next: Any) -> Any:
    """Let nothing out of a handler but what the protocol has words for: of what is unexpected, nothing is told."""
    try:
        return await call_next(ctx)
    except (MCPError, PydanticError):
        raise
    except DomainError as error:
        raise refused(error) from error
    except db.Error as error:
        known = as_domain_error(error, operation=ctx.method, resource="Resource")
        if known is None:
            log.exception("request failed unexpectedly", extra={"action": "request_failed", "method": ctx.method})
        raise MCPError(INTERNAL_ERROR, "Internal server error" if known is None else in_words(known)) from error
    except Exception as error:
        log.exception("request failed unexpectedly", extra={"action": "request_failed", "method": ctx.method})
        raise MCPError(INTERNAL_ERROR, "Internal server error") from error


def in_words(error: DomainError) -> str:
    """What is wrong, and what may be done about it."""
    told = error.explanation
    return f"{told}: {error.fix}" if error.fix and error.fix not in told else told
