"""The arithmetic of ranking."""

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from agents.llm.own.hashing import embed_text
from docs_store.search.fusion import fused, normalised
from docs_store.search.language import text_configuration
from docs_store.search.mmr import pick_diverse
from docs_store.search.rarity import likeness_by_rarity
from docs_store.vectors import unit_vector

A, B, C = (UUID(int=number) for number in range(3))


def _pick(relevance: list[float], vectors: list[list[float]], strength: float, count: int) -> list[int]:
    arrays = np.array(relevance, dtype=np.float32), np.array(vectors, dtype=np.float32)
    return pick_diverse(*arrays, strength=strength, count=count)


def test_few_candidates_stay_as_they_are() -> None:
    assert _pick([0.1, 0.9], [[1, 0], [1, 0]], 0.9, 2) == [0, 1]
    assert _pick([0.1], [[1, 0]], 0.9, 5) == [0]


def test_the_most_relevant_is_always_picked() -> None:
    assert _pick([0.5, 0.9, 0.8], [[1, 0], [0, 1], [0, 1]], 0.5, 1) == [1]


def test_strength_decides_between_relevance_and_difference() -> None:
    relevance, vectors = [1.0, 0.99, 0.5], [[1, 0], [1, 0.01], [0, 1]]
    assert _pick(relevance, vectors, 0.1, 2) == [0, 1]
    assert _pick(relevance, vectors, 0.9, 2) == [0, 2]


def test_picks_follow_the_definition() -> None:
    random = np.random.default_rng(7)
    vectors = random.normal(size=(40, 8)).astype(np.float32)
    vectors[5] = 0
    relevance = random.uniform(size=40).astype(np.float32)
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    likeness = units @ units.T
    middle = (1 + np.mean([likeness[n, m] for n in range(40) for m in range(40) if n != m])) / 2
    unusual = np.maximum((likeness - middle) / (1 - middle), 0)
    scaled = (relevance - relevance.min()) / (relevance.max() - relevance.min())
    picked = [int(np.argmax(relevance))]
    while len(picked) < 10:
        left = [n for n in range(40) if n not in picked]
        picked.append(max(left, key=lambda n: 0.4 * scaled[n] - 0.6 * max(unusual[n][m] for m in picked)))
    assert pick_diverse(relevance, vectors, strength=0.6, count=10) == sorted(picked)


def test_likeness_that_all_candidates_have_does_not_count() -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(30, 64)) + 4 * np.ones(64)  # any two have a cosine of about 0.94
    relevance = np.linspace(0.86, 0.84, 30)
    assert _pick(relevance.tolist(), vectors.tolist(), 0.5, 10) == list(range(10))
    vectors[1:4] = vectors[0]
    assert _pick(relevance.tolist(), vectors.tolist(), 0.5, 10) == [0, *range(4, 13)]
    assert _pick([0.9, 0.8, 0.7], [[1, 1]] * 3, 0.5, 2) == [0, 1]


def test_scores_are_normalised_by_their_own_distribution() -> None:
    assert normalised([]) == []
    assert normalised([7]) == [0.5]
    assert normalised([2, 2, 2]) == [0.5, 0.5, 0.5]
    low, middle, high = normalised([1, 2, 3])
    assert middle == pytest.approx(0.5)
    assert high - middle == pytest.approx(middle - low) == pytest.approx(1 / (6 * (2 / 3) ** 0.5))
    assert normalised([1000, 2000, 3000]) == pytest.approx([low, middle, high])
    outliers = normalised([0] * 99 + [1, 2])
    assert max(outliers) == 1 and outliers[-1] > outliers[-2] > outliers[0] > 0


def test_lists_are_fused_by_weight() -> None:
    text, vector = {A: 9.0, B: 1.0}, {B: -0.1, C: -0.9}
    assert list(fused(text, vector, 0.5)) == [B, A, C]
    assert list(fused(text, vector, 0.0)) == [A, B]
    assert list(fused(text, vector, 1.0)) == [B, C]
    assert list(fused(text, vector, 0.2))[0] == A
    both = fused(text, vector, 0.5)
    assert both[B] == pytest.approx(0.5 * normalised([9, 1])[1] + 0.5 * normalised([-0.1, -0.9])[0])
    assert fused({}, {}, 0.5) == {}


def _embedded(*texts: str) -> Any:
    return np.array([embed_text(text) for text in texts])


def test_what_many_candidates_say_tells_none_from_another() -> None:
    places = ("Bergen", "Cadiz", "Dakar", "Essen")
    [query] = _embedded("surface pressure Cadiz")
    vectors = _embedded(*(f"measured pressure of the surface near {name}" for name in places))
    plain, near = vectors @ query, likeness_by_rarity(query, vectors)
    assert near[1] == max(near)
    assert near[1] - near[0] > 3 * (plain[1] - plain[0]) > 0


def test_few_candidates_are_compared_too() -> None:
    [query] = _embedded("one")
    assert likeness_by_rarity(query, _embedded("one", "one")) == pytest.approx([1, 1])
    near, far = likeness_by_rarity(query, _embedded("one", "two"))
    assert near == pytest.approx(1) and far < 0.1


@pytest.mark.parametrize(
    ("tag", "configuration"),
    [
        ("en", "english"), ("en-US", "english"), ("EN_us", "english"), ("eng", "english"), ("de-CH-1901", "german"),
        ("ger", "german"), ("ja", "simple"), ("zh-Hant-TW", "simple"), ("qq", None), ("english", None), ("", None),
        ("e", None), ("en-", None), ("en US", None), ("en-US\n", None), ("ｅｎ", None),
    ],
)  # fmt: skip
def test_languages(tag: str, configuration: str | None) -> None:
    assert text_configuration(tag) == configuration


def test_directions() -> None:
    for numbers in ([3, 4], [3e300, 4e300], [3e-300, 4e-300]):
        direction = unit_vector(numbers)
        assert direction is not None and direction.tolist() == pytest.approx([0.6, 0.8])
    for numbers in ([0, 0], [float("nan"), 1], [float("inf"), 1], []):
        assert unit_vector(numbers) is None
