"""Searches find what questions are about, with the settings that requests have by default."""

from uuid import UUID

from agents.models import Developer
from docs_store.owners import Owner
from julep_project.bench.answers import AIMS, make_exam, rows, sit


def test_questions_find_their_texts(transactional_db: None, developer: Developer, agent: str) -> None:
    marks = sit(make_exam(240, 60), developer, Owner("agent", UUID(agent)))
    assert {name: one.empty for name, one in marks.items()} == dict.fromkeys(AIMS, 0)
    assert {name: one.score for name, one in marks.items() if one.score < AIMS[name]} == {}
    # Here words say all there is to know, so vectors made of words cannot add to them; they must not take much away.
    assert marks["hybrid"].score > max(marks["vector"].score, marks["text"].score - 0.03)
    assert len(rows(marks)) == 2 * len(AIMS)
