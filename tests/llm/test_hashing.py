"""`offline/hashing`."""

import subprocess
import sys

import numpy as np
import pytest

from agents.llm.own.hashing import DIMENSIONS, embed_text, embed_texts

IN_COMMON = float(embed_text("")[0]) ** 2


def cosine(one: str, other: str) -> float:
    return float(embed_text(one) @ embed_text(other))


def likeness(one: str, other: str) -> float:
    """The cosine, beside that of texts that have nothing in common."""
    return (cosine(one, other) - IN_COMMON) / (1 - IN_COMMON)


@pytest.mark.parametrize("text", ["word", "", "   ", "…!?", "日本語の文章", "a", "\ud800", "x" * 100_000, "\0"])
def test_every_text_has_a_vector_of_length_one(text: str) -> None:
    vector = embed_text(text)

    assert vector.shape == (DIMENSIONS,)
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_same_text_has_the_same_vector_in_another_process() -> None:
    code = "from agents.llm.own.hashing import embed_text; print(embed_text('Sea turtles nest.').tobytes().hex())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == embed_text("Sea turtles nest.").tobytes().hex()


def test_order_case_and_width_of_letters_matter_little() -> None:
    assert likeness("Sea TURTLES", "sea turtles") == pytest.approx(1, abs=1e-5)
    assert likeness("ｓｅａ turtles", "sea turtles") == pytest.approx(1, abs=1e-5)
    assert 0.7 < likeness("turtles of the sea", "sea of the turtles") < 1


def test_texts_are_near_by_the_words_they_share() -> None:
    query = "Where do sea turtles nest?"
    texts = [
        "Sea turtles nest on warm beaches at night.",
        "A turtle is a reptile.",
        "Diesel engines burn fuel without a spark.",
    ]

    near = [likeness(query, text) for text in texts]

    assert near == sorted(near, reverse=True)
    assert near[0] > 0.4 > near[1] > 0.1 > abs(near[2])


@pytest.mark.parametrize(("rare", "common"), [("turbulence", "case"), ("турбулентность", "тоже")])
def test_longer_words_count_for_more(rare: str, common: str) -> None:
    query = f"{common} {rare}"
    assert likeness(query, rare) > likeness(query, common) > 0.1


def test_parts_of_words_count() -> None:
    assert likeness("embedding", "embeddings") > 0.3 > abs(likeness("embedding", "turtle"))


def test_scripts_without_blanks_and_accents() -> None:
    assert likeness("数据库索引可以提高查询速度", "索引") > 0.15 > abs(likeness("数据库索引可以提高查询速度", "火山"))
    assert likeness("ภาษาไทยไม่มีช่องว่าง", "ภาษา") > 0.15
    assert likeness("crêpes", "crepes") == pytest.approx(1, abs=1e-5)


def test_the_default_threshold_tells_texts_with_words_in_common_from_others() -> None:
    text = "Sea turtles nest on warm beaches at night, where the sand keeps their eggs warm until the young ones hatch."
    assert cosine("when do young turtles hatch?", text) > 0.5 > cosine("how does a diesel engine burn fuel?", text)


def test_texts_in_order() -> None:
    assert embed_texts(["a b", "c"]) == [embed_text("a b").tolist(), embed_text("c").tolist()]
