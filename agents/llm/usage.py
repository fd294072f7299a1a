"""What calls used, as providers say it."""

from collections.abc import Mapping, Sequence
from typing import Any

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
# What the column holds. No call has used so much.
_MOST_TOKENS = 2**31 - 1


def token_count(value: Any) -> int:
    """How many tokens a provider says it counted; 0, as where it says nothing, for what cannot be such a number."""
    is_count = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_TOKENS
    return int(value) if is_count else 0


def token_counts(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What a provider says of a call's use, with counts that are such."""
    prompt, completion = (token_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    total = max(prompt + completion, token_count(usage.get("total_tokens")))
    return {**usage, "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def tokens_of(usage: Mapping[str, Any]) -> tuple[int, int]:
    """Of the prompt and of the answer."""
    return token_count(usage.get("prompt_tokens")), token_count(usage.get("completion_tokens"))


def total_usage(usages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several calls used together; of the details, those of the last."""
    totals = {name: sum(token_count(usage.get(name)) for usage in usages) for name in _COUNTS}
    return {**usages[-1], **totals} if len(usages) > 1 else dict(usages[-1])
