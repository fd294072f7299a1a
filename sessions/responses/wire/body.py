"""The response object."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from julep_project.core.clock import now
from julep_project.core.errors import BadRequest, CostLimitExceeded, DomainError, RateLimited
from julep_project.core.json_value import Json
from sessions.responses.wire.ids import response_reference
from sessions.responses.wire.shown import shown_item
from sessions.responses.wire.tool_choice import shown_choice

Body = dict[str, Json]

# What counts where nothing was given, as models are known to take it, or as requests are read.
_USUAL: Mapping[str, Json] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "parallel_tool_calls": True,
    "service_tier": "default",
    "truncation": "disabled",
    "background": False,
    "store": True,
    "metadata": MappingProxyType({}),
}
# Null where there is none; rows that earlier versions wrote do not say so.
_NULLABLE = (
    "completed_at", "error", "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls",
    "previous_response_id", "prompt_cache_key", "reasoning", "safety_identifier", "usage",
)  # fmt: skip

# Why a provider stopped a model early, in the words of the response object.
INCOMPLETE_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


def new_body(response_id: UUID, created_at: datetime, echo: Mapping[str, Json], status: str) -> Body:
    """A response nothing was answered to yet."""
    return {
        "id": response_reference(response_id),
        "object": "response",
        "created_at": int(created_at.timestamp()),
        "completed_at": None,
        "status": status,
        "error": None,
        "incomplete_details": None,
        **echo,
        "output": [],
        "usage": None,
    }


def ended_body(
    body: Mapping[str, Json],
    *,
    status: str,
    output: Sequence[Json],
    usage: Mapping[str, Json] | None,
    error: Json = None,
    reason: str | None = None,
) -> Body:
    """The response with what came of it."""
    details = {"reason": reason} if reason else None
    return {
        **body,
        "completed_at": int(now().timestamp()) if status == "completed" else None,
        "status": status,
        "output": list(output),
        "usage": usage,
        "error": error,
        "incomplete_details": details,
    }


def shown_body(body: Mapping[str, Json], include: Collection[str]) -> Body:
    """The response as clients see it: each field, with what counts where nothing was given."""
    usual = {name: value for name, value in _USUAL.items() if body.get(name) is None}
    shown = {
        **dict.fromkeys(_NULLABLE),
        **body,
        **usual,
        "text": _shown_text(body.get("text") or {}),
        "tool_choice": shown_choice(body.get("tool_choice")),
        "tools": [_shown_tool(tool) for tool in body.get("tools") or ()],
        "output": [shown_item(item, include) for item in body["output"]],
    }
    if shown.get("user") is None:
        shown.pop("user", None)
    return shown


def _shown_tool(tool: Mapping[str, Json]) -> Body:
    if tool["type"] != "function":
        return dict(tool)
    strict = tool.get("strict")
    return {"description": None, "parameters": None, **tool, "strict": False if strict is None else strict}


def _shown_text(text: Mapping[str, Json]) -> Body:
    given = text.get("format") or {"type": "text"}
    if given["type"] == "json_schema":
        given = {"description": None, "strict": False, **given}
    return {**text, "format": given}


def error_of(error: DomainError) -> dict[str, str]:
    """What went wrong, with a code of the response object."""
    if isinstance(error, BadRequest):
        code = "invalid_prompt"
    elif isinstance(error, RateLimited):
        code = "rate_limit_exceeded"
    elif isinstance(error, CostLimitExceeded):
        code = error.code
    else:
        code = "server_error"
    return {"code": code, "message": error.message}


def total_usage(answers: Sequence[Mapping[str, Json]]) -> Body | None:
    """What several model calls used together; None when no provider has told."""
    told = [usage for usage in answers if usage]
    if not told:
        return None
    asked, answered = _sum(told, "prompt_tokens"), _sum(told, "completion_tokens")
    return {
        "input_tokens": asked,
        "input_tokens_details": {
            "cached_tokens": _sum(told, "prompt_tokens_details", "cached_tokens"),
            "cache_write_tokens": _sum(told, "prompt_tokens_details", "cache_creation_tokens"),
        },
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": _sum(told, "completion_tokens_details", "reasoning_tokens")},
        "total_tokens": asked + answered,
    }


def _sum(usages: Sequence[Mapping[str, Json]], *path: str) -> int:
    total = 0
    for usage in usages:
        value: Json = usage
        for name in path:
            value = (value or {}).get(name)
        total += int(value or 0)
    return total
