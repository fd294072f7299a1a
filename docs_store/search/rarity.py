"""Likeness of vectors whose numbers stand for words, by the words that are rare among the candidates."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Numbers that next to no candidate has would count for too much: to how much they have of each, this share of what is
# usual is added.
_ADDED = 0.3
_NOTHING = 1e-9


def likeness_by_rarity(vector: Floats, candidates: Floats) -> Floats:
    """A cosine with `vector` for each row of `candidates`, in which a number counts the less the more of it they have
    in all: common words, and what all of them are about, tell none from another.

    A plain cosine takes every word for as good as every other, so a text that shares a common word with the question
    is as near to it as one that shares a rare word.
    """
    common = np.square(candidates).mean(axis=0)
    there = common > _NOTHING
    weights = 1 / (common[there] + _ADDED * np.median(common[there]))
    likeness: Floats = _units(candidates[:, there] * weights) @ _units(vector[there] * weights)
    return likeness


def _units(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units
