"""Searches find what questions are about, with the settings that requests have by default."""

from uuid import UUID

import pytest

from agents.models import Developer
from docs_store.owners import Owner
from julep_project.bench.answers import (
    MISSPELLED,
    MISSPELLED_AIMS,
    PLAIN_AIMS,
    RECALL_AIMS,
    Marks,
    recall_rows,
    recalls,
    search_rows,
    searches,
    sit,
    store,
)
from julep_project.bench.conversations import make_conversation
from julep_project.bench.exams import ENGLISH, GERMAN, Exam, Tongue, make_exam


@pytest.fixture
def owner(transactional_db: None, agent: str) -> Owner:
    return Owner("agent", UUID(agent))


def searched(exam: Exam, developer: Developer, owner: Owner, aims: dict[str, float]) -> dict[str, Marks]:
    store(exam, developer, owner)
    marks = sit(exam, searches(developer, owner))
    assert {name: one.empty for name, one in marks.items()} == dict.fromkeys(aims, 0)
    assert {name: one.score for name, one in marks.items() if one.score < aims[name]} == {}
    assert len(search_rows("answers", marks, aims)) == len(aims) + 1
    return marks


@pytest.mark.parametrize("tongue", [ENGLISH, GERMAN], ids=["english", "german"])
def test_both_find_more_than_words_or_vectors_alone(developer: Developer, owner: Owner, tongue: Tongue) -> None:
    exam = make_exam(96, 40, tongue=tongue, misspelled=MISSPELLED)
    marks = searched(exam, developer, owner, MISSPELLED_AIMS)
    assert marks["hybrid"].score > max(marks["text"].score, marks["vector"].score)


@pytest.mark.slow
def test_vectors_take_nothing_from_words_that_say_all(developer: Developer, owner: Owner) -> None:
    marks = searched(make_exam(96, 40), developer, owner, PLAIN_AIMS)
    assert marks["hybrid"].score >= marks["text"].score


def test_chats_are_reminded_of_what_was_said(developer: Developer, owner: Owner) -> None:
    """Half of the questions call a thing by another word; plain BM25 finds 0.6 of the turns asked for."""
    conversation = make_conversation(42)
    store(conversation, developer, owner)
    marks = sit(conversation, recalls(developer, owner, ["text", "hybrid"]))
    assert {name: one.found for name, one in marks.items() if one.found < RECALL_AIMS[name]} == {}
    assert marks["recall by hybrid"].found >= marks["recall by text"].found
    assert len(recall_rows(marks)) == 2
