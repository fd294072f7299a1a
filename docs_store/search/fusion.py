"""Distribution-based score fusion: two result lists with scores of different kinds become one."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np

# A score so many standard deviations from the mean of its list is the best or worst, unless there are others beyond it.
_SPREAD = 3.0
# What the scores of a list are worth when they do not differ.
_MIDDLE = 0.5


def normalised(scores: Sequence[float]) -> list[float]:
    """The scores of one list on a scale from 0 to 1, by their own mean and standard deviation."""
    values = np.asarray(scores, dtype=np.float64)
    deviation = float(values.std()) if len(values) else 0.0
    if deviation <= 1e-12:
        return [_MIDDLE] * len(values)
    low = min(float(values.mean()) - _SPREAD * deviation, float(values.min()))
    high = max(float(values.mean()) + _SPREAD * deviation, float(values.max()))
    return [float(value) for value in (values - low) / (high - low)]


def fused(text: Mapping[UUID, float], vector: Mapping[UUID, float], alpha: float) -> dict[UUID, float]:
    """One score for each doc of either list, best first: `alpha` of the vector score, the rest of the text score.

    Both lists hold scores of which more is better. A doc missing from a list gets nothing from it; a list without
    weight adds no docs.
    """
    total: dict[UUID, float] = {}
    for scores, weight in ((vector, alpha), (text, 1 - alpha)):
        if weight > 0:
            for doc_id, score in zip(scores, normalised(list(scores.values())), strict=True):
                total[doc_id] = total.get(doc_id, 0.0) + weight * score
    return dict(sorted(total.items(), key=lambda item: -item[1]))
