"""Whether searches find what questions are about, as they are without any settings, in generated texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from asgiref.sync import async_to_sync

from agents.llm import gateway
from agents.models import Developer
from agents.services import AgentServices
from docs_store.embedding import embed_due
from docs_store.owners import Owner
from docs_store.recall import recall
from docs_store.recall_options import Mode, complete_recall_options
from docs_store.search import answer_search, parse_search
from docs_store.services import create_doc
from julep_project.bench import programs
from julep_project.bench.conversations import make_conversation
from julep_project.bench.exams import GERMAN, Exam, make_exam
from julep_project.bench.table import Row

SHOWN = 10
# What the marks are to be at least: where words say all there is to know, where half of the rare ones are misspelled,
# and in conversations.
PLAIN_AIMS = {"text": 0.9, "vector": 0.55, "hybrid": 0.9}
MISSPELLED_AIMS = {"text": 0.65, "vector": 0.35, "hybrid": 0.7}
RECALL_AIMS = {"recall by text": 0.62, "recall by vector": 0.5, "recall by hybrid": 0.65}
_FACTS = 42
MISSPELLED = 0.5

# Titles of what is found for a question, best first.
Way = Callable[[str], list[str]]
Ways = Mapping[str, Way]


@dataclass(frozen=True)
class Marks:
    """Of all questions together: nDCG@10, how much of what is relevant is among ten, and how many had no answer."""

    score: float
    found: float
    empty: int


def searches(developer: Developer, owner: Owner) -> Ways:
    """The ways to search, with the settings that requests have by default."""

    def searched(**fields: object) -> list[str]:
        answer = answer_search(developer, [owner], parse_search({"include_embeddings": False, **fields}))
        return [doc["title"] for doc in answer["docs"]]

    def vector(question: str) -> list[float]:
        return gateway.embed(developer, [question])[0]

    return {
        "text": lambda question: searched(text=question),
        "vector": lambda question: searched(vector=vector(question)),
        "hybrid": lambda question: searched(text=question, vector=vector(question)),
    }


def recalls(developer: Developer, owner: Owner, modes: Sequence[str] = tuple(Mode)) -> Ways:
    """The modes in which chats are reminded of docs, with the settings that sessions have by default."""

    def recalled(mode: str) -> Way:
        options = complete_recall_options({"mode": mode, "include_embeddings": False})
        return lambda question: [
            doc["title"] for doc in async_to_sync(recall)(developer, [owner], text=question, options=options)
        ]

    return {f"recall by {mode}": recalled(mode) for mode in modes}


def store(exam: Exam, developer: Developer, owner: Owner) -> None:
    """Store the texts with their vectors."""
    for title, text in exam.texts.items():
        create_doc(developer=developer, owner=owner, values={"title": title, "content": [text]})
    embed_due()


def sit(exam: Exam, ways: Ways) -> dict[str, Marks]:
    """Ask the questions in every way."""
    return {name: _marks(exam, way) for name, way in ways.items()}


def measure(texts: int, questions: int) -> list[Row]:
    """The marks of several exams, as rows of the table."""
    developer = programs.own_developer()
    numbers = count(1)

    def examined(exam: Exam, ways: Callable[[Developer, Owner], Ways]) -> dict[str, Marks]:
        agent = AgentServices().create(developer=developer, values={"name": f"examined {next(numbers)}"})
        owner = Owner("agent", agent.pk)
        store(exam, developer, owner)
        return sit(exam, ways(developer, owner))

    misspelled = make_exam(texts, questions, misspelled=MISSPELLED)
    german = make_exam(texts, questions, tongue=GERMAN, misspelled=MISSPELLED)
    return [
        *search_rows("answers", examined(make_exam(texts, questions), searches), PLAIN_AIMS),
        *search_rows("answers to misspelled questions", examined(misspelled, searches), MISSPELLED_AIMS),
        *search_rows("the same in German", examined(german, searches), MISSPELLED_AIMS),
        *recall_rows(examined(make_conversation(_FACTS), recalls)),
    ]


def search_rows(what: str, marks: Mapping[str, Marks], aims: Mapping[str, float]) -> list[Row]:
    """The marks of searches as rows of the table."""
    scores = [
        Row("p", f"{what} by {name}: nDCG@{SHOWN}", one.score, "", aim=f"at least {aims[name]}")
        for name, one in marks.items()
    ]
    return [*scores, Row("p", f"{what}: questions without any", sum(one.empty for one in marks.values()), "", aim="0")]


def recall_rows(marks: Mapping[str, Marks]) -> list[Row]:
    """The marks of what chats are reminded of as rows of the table."""
    return [
        Row(
            "p",
            f"turns of a conversation, {name}: found of {SHOWN}",
            one.found,
            "",
            aim=f"at least {RECALL_AIMS[name]}",
        )
        for name, one in marks.items()
    ]


def _marks(exam: Exam, way: Way) -> Marks:
    scores, shares, empty = [], [], 0
    for question, relevance in exam.questions:
        found = way(question)[:SHOWN]
        empty += not found
        ideal = _gain(sorted(relevance.values(), reverse=True)[:SHOWN])
        scores.append(_gain([relevance.get(title, 0) for title in found]) / ideal)
        shares.append(len(relevance.keys() & set(found)) / min(SHOWN, len(relevance)))
    return Marks(float(np.mean(scores)), float(np.mean(shares)), empty)


def _gain(grades: Sequence[int]) -> float:
    return float(sum((2**grade - 1) / np.log2(place + 2) for place, grade in enumerate(grades)))
