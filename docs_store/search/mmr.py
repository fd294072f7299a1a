"""Maximal marginal relevance: of many candidates, few that answer the query without repeating each other."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TINY = 1e-6


def pick_diverse(relevance: Floats, vectors: Floats, *, strength: float, count: int) -> list[int]:
    """Positions of `count` candidates, ascending.

    `relevance` is higher for better candidates; each row of `vectors` is one of them, all zeros when it has none.
    The first pick is the most relevant; each next one weighs its relevance (`1 - strength`) against its likeness to
    the closest candidate picked before (`strength`). Both are on a scale from 0 to 1 among these candidates: some
    models give any two texts almost the same direction, so only a likeness that is unusual for them counts.
    """
    if len(relevance) <= count:
        return list(range(len(relevance)))
    likeness = _unusual(_likeness(vectors))
    worth = (1 - strength) * _scaled(relevance)
    closest = np.full(len(relevance), -np.inf, dtype=np.float32)
    left = np.ones(len(relevance), dtype=bool)
    picked = [int(np.argmax(relevance))]
    while len(picked) < count:
        left[picked[-1]] = False
        np.maximum(closest, likeness[picked[-1]], out=closest)
        picked.append(int(np.argmax(np.where(left, worth - strength * closest, -np.inf))))
    return sorted(picked)


def _scaled(relevance: Floats) -> Floats:
    low, high = float(relevance.min()), float(relevance.max())
    scaled: Floats = (relevance - low) / (high - low) if high > low else np.ones_like(relevance)
    return scaled


def _unusual(likeness: Floats) -> Floats:
    """How far each likeness is above the middle between what is usual among the candidates, and sameness."""
    count = len(likeness)
    usual = (float(likeness.sum()) - float(np.trace(likeness))) / (count * (count - 1))
    middle = (1 + usual) / 2
    unusual: Floats = np.clip((likeness - middle) / max(1 - middle, _TINY), 0, 1)
    return unusual


def _likeness(vectors: Floats) -> Floats:
    """Cosine of every pair; 0 with a vector of zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    likeness: Floats = units @ units.T
    return likeness
