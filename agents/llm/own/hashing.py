"""`offline/hashing`: embeddings that need no key and no network.

Words, pairs of neighbouring words and pieces of words are hashed into a vector of fixed length, with a sign from the
same hash, so that chance meetings cancel out. Texts with words, or parts of words, in common are near to each other;
it knows nothing of meaning. The same text has the same vector on every machine.

All vectors have their first number in common, so that texts with little in common have a cosine of about a half, as
with models that know meaning: a threshold that suits those then suits this one.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import log
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from julep_project.core.words import folded, normal, pairs, words

HASHING = "offline/hashing"
DIMENSIONS = 1024
_HASHED = DIMENSIONS - 1

# The cosine of texts that have nothing in common.
_IN_COMMON = 0.46
_PIECE_SIZES = (3, 4)
_PAIR_WEIGHT = 0.3
# Words this short mostly are articles and the like; longer ones that say as little. The longer a word, the rarer it is,
# up to some length: in alphabets, that is.
_SHORT_WORD = 3
_LONG_WORD = 7
_SPELLED = re.compile("[a-z\u0370-\u052f]+")
_SLIGHT = frozenset(
    "about after also although another because been before being between both cannot could does doing done "
    "during each either else even ever every from gets give given gives have having hence here into itself "
    "just like made make makes many might more most much must never none only other others ourselves over same "
    "shall should since some such than that their them then there therefore these they this those though "
    "through thus under until upon used uses using very want well were what whatever when where whether which "
    "while whose will with within without would your yours".split()
)
_SLIGHT_WEIGHT = 0.2
_CACHED_WORDS = 20_000
_BLANK = "\0blank"

# Threads that calculate beside each other finish no sooner, and each of them keeps all others of the process waiting.
_calculating = Lock()

# Where to add how much.
Features = tuple[NDArray[np.intp], NDArray[np.float64]]


def embed_text(text: str) -> NDArray[np.float32]:
    """The vector of a text, of length 1. A text without words has one too, which is like no other."""
    said = list(_said(text)) or [_BLANK]
    counted = [(_word_features(word), count) for word, count in Counter(said).items()]
    counted += [(_pair_features(*pair), count) for pair, count in Counter(zip(said, said[1:], strict=False)).items()]
    places = np.concatenate([features[0] for features, _ in counted])
    weights = np.concatenate([features[1] * (1 + log(count)) for features, count in counted])
    vector = np.bincount(places, weights, _HASHED)
    length = float(np.linalg.norm(vector))
    direction = vector / length if length else _unit(text)
    return np.concatenate([[np.sqrt(_IN_COMMON)], np.sqrt(1 - _IN_COMMON) * direction]).astype(np.float32)


def embed_texts(texts: Sequence[str]) -> list[list[float]]:
    """The vectors of texts, in order."""
    return [_embed_in_turn(text) for text in texts]


def _embed_in_turn(text: str) -> list[float]:
    with _calculating:
        numbers: list[float] = embed_text(text).tolist()
    return numbers


def _said(text: str) -> Iterator[str]:
    """The words of a text, without accents; of scripts without blanks, pieces of two characters."""
    for word in words(normal(text)):
        if word.unspaced:
            yield from pairs(word.text)
        else:
            yield folded(word.text)


@lru_cache(maxsize=_CACHED_WORDS)
def _word_features(word: str) -> Features:
    """A word and its pieces. The pieces together weigh as much as the word."""
    pieces = list(_pieces(word))
    weights = np.array([1.0] + [1 / np.sqrt(len(pieces) or 1)] * len(pieces))
    return _features([word, *pieces], weights * _weight(word))


@lru_cache(maxsize=_CACHED_WORDS)
def _pair_features(one: str, other: str) -> Features:
    """Two words that follow each other."""
    return _features([f"{one} {other}"], np.array([_PAIR_WEIGHT * _weight(one) * _weight(other)]))


def _features(names: Sequence[str], weights: NDArray[np.float64]) -> Features:
    hashed = [_hashed(name) for name in names]
    places = np.array([place for place, _ in hashed], dtype=np.intp)
    signs = np.array([sign for _, sign in hashed], dtype=np.float64)
    return places, signs * weights


def _pieces(word: str) -> Iterator[str]:
    framed = f"<{word}>"
    for size in _PIECE_SIZES:
        for start in range(len(framed) - size + 1):
            yield framed[start : start + size]


def _weight(word: str) -> float:
    if word in _SLIGHT:
        return _SLIGHT_WEIGHT
    if not _SPELLED.fullmatch(word):
        return 1.0
    return _SLIGHT_WEIGHT if len(word) <= _SHORT_WORD else min(1.0, len(word) / _LONG_WORD)


def _hashed(feature: str) -> tuple[int, int]:
    number = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return number % _HASHED, 1 if number >> 63 else -1


def _unit(text: str) -> NDArray[np.float64]:
    """For the text whose features cancel each other out entirely."""
    vector = np.zeros(_HASHED, dtype=np.float64)
    vector[_hashed(text)[0]] = 1.0
    return vector
