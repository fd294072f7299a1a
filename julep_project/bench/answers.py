"""Whether searches find what questions are about, as they are without any settings, in generated texts.

Each text is of a topic, and has rare words that at most a few others have. A question asks for two rare words of a
text, in other forms, among words that many texts have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from asgiref.sync import async_to_sync

from agents.llm import gateway
from agents.models import Developer
from agents.services import AgentServices
from docs_store.embedding import embed_due
from docs_store.owners import Owner
from docs_store.recall import recall
from docs_store.recall_options import complete_recall_options
from docs_store.search import answer_search, parse_search
from docs_store.services import create_doc
from julep_project.bench.table import Row

SHOWN = 10
AIMS = {"text": 0.9, "vector": 0.5, "hybrid": 0.9, "recall of a chat": 0.5}

_COMMON = (
    "the of and in is to for with a an on by from at as it that this which are was were be has have its results method "
    "flow pressure effect case shown during between large small number first high low measured surface theory data "
    "increase change found given used range general problem solution paper experimental value form two time"
).split()
_STARTS = "b br c cl d dr f fl g gr k l m n p pl r s sk st t tr v z".split()
_VOWELS = "a e i o u ai ea ou".split()
_ENDS = "b ck d lt m n nd rk rm sk st t x".split()
_FORMS = ("{}", "{}s", "{}ing", "{}ed")
_FRAMES = (
    "how does {0} change the {1} of {2}?",
    "what is found about {2} and {1} when {0} is used",
    "are there results on the effect of {0} on {2} in {1}",
)
_TOPIC_WORDS = 15
_TEXTS_PER_TOPIC = 12

Words = list[str]


@dataclass(frozen=True)
class Exam:
    """Texts by title; questions, each with how relevant which titles are."""

    texts: Mapping[str, str]
    questions: Sequence[tuple[str, Mapping[str, int]]]


@dataclass(frozen=True)
class Marks:
    """nDCG@10 of all questions together, and how many had no answer at all."""

    score: float
    empty: int


def make_exam(texts: int, questions: int) -> Exam:
    """The same for the same numbers."""
    random = np.random.default_rng(11)
    made = _made_up(random)
    topics = [[next(made) for _ in range(_TOPIC_WORDS)] for _ in range(-(-texts // _TEXTS_PER_TOPIC))]
    rare: dict[str, Words] = {}
    written: dict[str, str] = {}
    for number in range(texts):
        siblings = [rare[f"text {n}"] for n in range(number - number % _TEXTS_PER_TOPIC, number)]
        own = [next(made), next(made)]
        if siblings and random.random() < 0.6:
            own.append(str(random.choice(siblings[int(random.integers(len(siblings)))])))
        rare[f"text {number}"] = own
        written[f"text {number}"] = _text(random, topics[number // _TEXTS_PER_TOPIC], own)
    asked = [_question(random, topics, rare, int(place)) for place in random.integers(texts, size=questions)]
    return Exam(written, asked)


def sit(exam: Exam, developer: Developer, owner: Owner) -> dict[str, Marks]:
    """Store the texts, and ask the questions in every way, with the settings that requests have by default."""
    for title, text in exam.texts.items():
        create_doc(developer=developer, owner=owner, values={"title": title, "content": [text]})
    embed_due()
    options = complete_recall_options({"include_embeddings": False})

    def searched(**fields: object) -> list[str]:
        answer = answer_search(developer, [owner], parse_search({"include_embeddings": False, **fields}))
        return [doc["title"] for doc in answer["docs"]]

    def vector(question: str) -> list[float]:
        return gateway.embed(developer, [question])[0]

    ways: dict[str, Callable[[str], list[str]]] = {
        "text": lambda question: searched(text=question),
        "vector": lambda question: searched(vector=vector(question)),
        "hybrid": lambda question: searched(text=question, vector=vector(question)),
        "recall of a chat": lambda question: [
            doc["title"] for doc in async_to_sync(recall)(developer, [owner], text=question, options=options)
        ],
    }
    return {name: _marks(exam, way) for name, way in ways.items()}


def measure(texts: int, questions: int) -> list[Row]:
    """The marks of an exam, as rows of the table."""
    developer = Developer.objects.get()
    agent = AgentServices().create(developer=developer, values={"name": "examined"})
    return rows(sit(make_exam(texts, questions), developer, Owner("agent", agent.pk)))


def rows(marks: Mapping[str, Marks]) -> list[Row]:
    """The marks as rows of the table."""
    return [
        row
        for name, one in marks.items()
        for row in (
            Row("p", f"answers by {name}: nDCG@{SHOWN}", one.score, "", aim=f"at least {AIMS[name]}"),
            Row("p", f"answers by {name}: questions without any", one.empty, "", aim="0"),
        )
    ]


def _marks(exam: Exam, way: Callable[[str], list[str]]) -> Marks:
    scores, empty = [], 0
    for question, relevance in exam.questions:
        found = way(question)[:SHOWN]
        empty += not found
        ideal = _gain(sorted(relevance.values(), reverse=True)[:SHOWN])
        scores.append(_gain([relevance.get(title, 0) for title in found]) / ideal)
    return Marks(float(np.mean(scores)), empty)


def _gain(grades: Sequence[int]) -> float:
    return float(sum((2**grade - 1) / np.log2(place + 2) for place, grade in enumerate(grades)))


def _made_up(random: np.random.Generator) -> Iterator[str]:
    """Words that are of no language, each once."""
    made: set[str] = set()
    while True:
        parts = [random.choice(each) for each in (_STARTS, _VOWELS, _STARTS, _VOWELS, _ENDS)]
        word = "".join(map(str, parts))
        if word not in made:
            made.add(word)
            yield word


def _text(random: np.random.Generator, topic: Words, rare: Words) -> str:
    places = np.minimum(random.zipf(1.3, size=int(random.integers(50, 110))), len(_COMMON)) - 1
    said = [_COMMON[place] for place in places]
    said += [str(word) for word in random.choice(topic, size=12)]
    said += [word for word in rare for _ in range(int(random.integers(1, 3)))]
    random.shuffle(said)
    return " ".join(said).capitalize() + "."


def _question(
    random: np.random.Generator, topics: Sequence[Words], rare: Mapping[str, Words], place: int
) -> tuple[str, dict[str, int]]:
    asked = rare[f"text {place}"][:2]
    one, other = (str(random.choice(_FORMS)).format(word) for word in asked)
    topic = random.choice(topics[place // _TEXTS_PER_TOPIC])
    frame = _FRAMES[int(random.integers(len(_FRAMES)))]
    relevance = {title: len(set(asked) & set(own)) for title, own in rare.items()}
    return frame.format(one, topic, other), {title: grade for title, grade in relevance.items() if grade}
