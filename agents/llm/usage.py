"""One row per model call: what it used and what it cost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from agents.models import Developer, ModelUsage

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_PRECISION = Decimal("1e-9")
# What the columns hold. No call has used or cost so much.
_MOST_TOKENS = 2**31 - 1
_MOST_DOLLARS = 10**9


def token_count(value: Any) -> int:
    """How many tokens a provider says it counted; 0, as where it says nothing, for what cannot be such a number."""
    is_count = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_TOKENS
    return int(value) if is_count else 0


def token_counts(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What a provider says of a call's use, with counts that are such."""
    prompt, completion = (token_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    total = max(prompt + completion, token_count(usage.get("total_tokens")))
    return {**usage, "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def total_usage(usages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several calls used together; of the details, those of the last."""
    totals = {name: sum(token_count(usage.get(name)) for usage in usages) for name in _COUNTS}
    return {**usages[-1], **totals} if len(usages) > 1 else dict(usages[-1])


def record_usage(
    developer: Developer,
    *,
    model: str,
    usage: Mapping[str, Any],
    cost: Decimal | None,
    custom_api_used: bool,
    metadata: Mapping[str, Any] | None,
    estimated: bool = False,
) -> None:
    """Write the row. `cost` None means that no price is known, `estimated` that the tokens were counted here.

    Numbers that cannot be are written as none: what a provider says of a call is no reason to lose its answer.

    The developer's tags, if there are any, stand in the metadata.
    """
    tags = {"tags": list(developer.tags)} if developer.tags else {}
    ModelUsage.objects.create(
        developer=developer,
        model=model,
        prompt_tokens=token_count(usage.get("prompt_tokens")),
        completion_tokens=token_count(usage.get("completion_tokens")),
        cost=cost.quantize(_PRECISION) if cost is not None and 0 <= cost < _MOST_DOLLARS else None,
        estimated=estimated,
        custom_api_used=custom_api_used,
        metadata={**tags, **(metadata or {})},
    )
