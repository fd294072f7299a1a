"""One row per model call: what it used and what it cost."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agents.models import Developer, ModelUsage

_PRECISION = Decimal("1e-9")


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

    The developer's tags, if there are any, stand in the metadata.
    """
    tags = {"tags": list(developer.tags)} if developer.tags else {}
    ModelUsage.objects.create(
        developer=developer,
        model=model,
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cost=None if cost is None else cost.quantize(_PRECISION),
        estimated=estimated,
        custom_api_used=custom_api_used,
        metadata={**tags, **(metadata or {})},
    )
