"""Generated texts, and questions about them.

Each text is of a topic, and has rare words that at most a few others have. A question asks for two rare words of a
text, in other forms, among words that many texts have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_TOPIC_WORDS = 15
_TEXTS_PER_TOPIC = 12

Words = list[str]


@dataclass(frozen=True)
class Exam:
    """Texts by title; questions, each with how relevant which titles are."""

    texts: Mapping[str, str]
    questions: Sequence[tuple[str, Mapping[str, int]]]


@dataclass(frozen=True)
class Tongue:
    """What texts and questions are made of: common words, the forms of others, and how one asks."""

    common: Words
    forms: Words
    frames: Words
    starts: Words
    vowels: Words
    ends: Words


ENGLISH = Tongue(
    common=(
        "the of and in is to for with a an on by from at as it that this which are was were be has have its results "
        "method flow pressure effect case shown during between large small number first high low measured surface "
        "theory data increase change found given used range general problem solution paper experimental value form "
        "two time"
    ).split(),
    forms=["{}", "{}s", "{}ing", "{}ed"],
    frames=[
        "how does {0} change the {1} of {2}?",
        "what is found about {2} and {1} when {0} is used",
        "are there results on the effect of {0} on {2} in {1}",
    ],
    starts="b br c cl d dr f fl g gr k l m n p pl r s sk st t tr v z".split(),
    vowels="a e i o u ai ea ou".split(),
    ends="b ck d lt m n nd rk rm sk st t x".split(),
)
GERMAN = Tongue(
    common=(
        "der die das und ist nicht ein eine einen dem des mit zu von auf für im sich auch wird sind bei aus nach wie "
        "oder es war hat kann werden zum zur über durch als wenn Druck Strömung Wirkung Fall gezeigt große kleine "
        "Zahl erste hoch niedrig gemessen Fläche Theorie Daten Zunahme Änderung gefunden gegeben Bereich allgemein "
        "Aufgabe Lösung Arbeit Versuch Wert Form zwei Zeit"
    ).split(),
    forms=["{}", "{}en", "{}e", "{}es"],
    frames=[
        "wie ändert {0} die {1} von {2}?",
        "was ist über {2} und {1} bekannt, wenn {0} gemessen wird",
        "gibt es Daten zur Wirkung von {0} auf {2} bei {1}",
    ],
    starts="b bl d dr f g gl h k kn l m n p pf r s sch sp st str t w z".split(),
    vowels="a ä e ei i ie o ö u ü au".split(),
    ends="b ch ck ft g l ll lz m n nk rn rz s st t tz".split(),
)


def make_exam(texts: int, questions: int, *, tongue: Tongue = ENGLISH, misspelled: float = 0.0, seed: int = 11) -> Exam:
    """The same for the same arguments. Of the rare words of questions, `misspelled` is the share that has a slip."""
    random = np.random.default_rng(seed)
    made = _made_up(random, tongue)
    topics = [[next(made) for _ in range(_TOPIC_WORDS)] for _ in range(-(-texts // _TEXTS_PER_TOPIC))]
    rare: dict[str, Words] = {}
    written: dict[str, str] = {}
    for number in range(texts):
        siblings = [rare[f"text {n}"] for n in range(number - number % _TEXTS_PER_TOPIC, number)]
        own = [next(made), next(made)]
        if siblings and random.random() < 0.6:
            own.append(str(random.choice(siblings[int(random.integers(len(siblings)))])))
        rare[f"text {number}"] = own
        written[f"text {number}"] = _text(random, tongue, topics[number // _TEXTS_PER_TOPIC], own)
    asked = []
    for place in random.integers(texts, size=questions):
        words = [_slipped(random, word, misspelled) for word in rare[f"text {place}"][:2]]
        relevance = {title: len(set(rare[f"text {place}"][:2]) & set(own)) for title, own in rare.items()}
        question = _question(random, tongue, topics[place // _TEXTS_PER_TOPIC], words)
        asked.append((question, {title: grade for title, grade in relevance.items() if grade}))
    return Exam(written, asked)


def _made_up(random: np.random.Generator, tongue: Tongue) -> Iterator[str]:
    """Words that are of no language, each once."""
    made: set[str] = set()
    while True:
        parts = [random.choice(each) for each in (tongue.starts, tongue.vowels, tongue.starts, tongue.vowels)]
        word = "".join(map(str, [*parts, random.choice(tongue.ends)]))
        if word not in made:
            made.add(word)
            yield word


def _text(random: np.random.Generator, tongue: Tongue, topic: Words, rare: Words) -> str:
    places = np.minimum(random.zipf(1.3, size=int(random.integers(50, 110))), len(tongue.common)) - 1
    said = [tongue.common[place] for place in places]
    said += [str(word) for word in random.choice(topic, size=12)]
    said += [word for word in rare for _ in range(int(random.integers(1, 3)))]
    random.shuffle(said)
    return " ".join(said).capitalize() + "."


def _question(random: np.random.Generator, tongue: Tongue, topic: Words, words: Words) -> str:
    one, other = (str(random.choice(tongue.forms)).format(word) for word in words)
    frame = tongue.frames[int(random.integers(len(tongue.frames)))]
    return frame.format(one, random.choice(topic), other)


def _slipped(random: np.random.Generator, word: str, share: float) -> str:
    """The word as people may type it: two letters in the wrong order, one missing, or another one."""
    if not share or random.random() >= share:
        return word
    at = int(random.integers(1, len(word) - 1))
    slips = [
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + str(random.choice(list("aeiorst"))) + word[at + 1 :],
    ]
    return slips[int(random.integers(len(slips)))]
