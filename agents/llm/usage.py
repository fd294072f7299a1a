"""One row per model call: what it used and what it cost."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agents.models import Developer, ModelUsage


def record_usage(
    developer: Developer,
    *,
    model: str,
    answer: Mapping[str, Any],
    cost: Decimal | None,
    custom_api_used: bool,
    metadata: Mapping[str, Any] | None,
) -> None:
    """Write the row. `cost` None means that no price is known."""
    used = answer.get("usage") or {}
    ModelUsage.objects.create(
        developer=developer,
        model=model,
        prompt_tokens=int(used.get("prompt_tokens") or 0),
        completion_tokens=int(used.get("completion_tokens") or 0),
        cost=None if cost is None else cost.quantize(Decimal("1e-9")),
        custom_api_used=custom_api_used,
        metadata=dict(metadata or {}),
    )
