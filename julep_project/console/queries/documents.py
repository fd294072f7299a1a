"""How far the vectors of docs are."""

from typing import Any
from uuid import UUID

from julep_project.console.keyset import Place
from julep_project.console.queries.rows import Row, rows

_STATES = """
    SELECT e.model_id AS model, e.state, count(*) AS number, min(e.due_at) AS due
    FROM docs_store_docembedding e GROUP BY 1, 2 ORDER BY 1, 2
"""
_FAILED = """
    SELECT e.id, e.doc_id, e.model_id AS model, e.attempts, e.due_at, e.error, d.title, d.created_at,
           left((SELECT c.content FROM docs_store_chunk c WHERE c.doc_id = e.doc_id ORDER BY c.index LIMIT 1), 200)
               AS begins
    FROM docs_store_docembedding e JOIN docs_store_doc d ON d.id = e.doc_id
    WHERE e.state = 'failed' AND {narrowed} ORDER BY e.due_at, e.id LIMIT %(limit)s
"""


def states() -> list[Row]:
    """How many docs have their vectors, wait for them or got none, by model."""
    return rows(_STATES)


def failed(*, model: str, after: Place | None, limit: int) -> list[Row]:
    """Docs that got no vectors of a model, or of any; those that are tried again first, from behind a place on."""
    narrowed = ["true"]
    parameters: dict[str, Any] = {"limit": limit}
    if model:
        narrowed.append("e.model_id = %(model)s")
        parameters["model"] = model
    if after is not None:
        narrowed.append("(e.due_at, e.id) > (%(at)s, %(id)s)")
        parameters |= {"at": after.at, "id": after.id.int}
    return rows(_FAILED.format(narrowed=" AND ".join(narrowed)), parameters)


def place_of(row: Row) -> Place:
    """Right behind such a row."""
    return Place(row["due_at"], UUID(int=row["id"]))
