"""The response object."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from julep_project.core.errors import BadRequest, CostLimitExceeded, DomainError, RateLimited
from julep_project.core.json_value import Json
from sessions.responses.wire.ids import response_reference
from sessions.responses.wire.output import shown_item

Body = dict[str, Json]

# Why a provider stopped a model early, in the words of the response object.
INCOMPLETE_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


def new_body(response_id: UUID, created_at: datetime, echo: Mapping[str, Json], status: str) -> Body:
    """A response nothing was answered to yet."""
    return {
        "id": response_reference(response_id),
        "object": "response",
        "created_at": int(created_at.timestamp()),
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
        "status": status,
        "output": list(output),
        "usage": usage,
        "error": error,
        "incomplete_details": details,
    }


def shown_body(body: Mapping[str, Json], include: Collection[str]) -> Body:
    """The response as clients see it."""
    return {**body, "output": [shown_item(item, include) for item in body["output"]]}


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
