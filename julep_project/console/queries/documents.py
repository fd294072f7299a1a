"""How far the vectors of docs are."""

from julep_project.console.queries.rows import Row, rows

MOST = 50

_STATES = """
    SELECT e.model_id AS model, e.state, count(*) AS number, min(e.due_at) AS due
    FROM docs_store_docembedding e GROUP BY 1, 2 ORDER BY 1, 2
"""
_FAILED = f"""
    SELECT e.id, e.doc_id, e.model_id AS model, e.attempts, e.due_at, e.error, d.title, d.created_at,
           left((SELECT c.content FROM docs_store_chunk c WHERE c.doc_id = e.doc_id ORDER BY c.index LIMIT 1), 200)
               AS begins
    FROM docs_store_docembedding e JOIN docs_store_doc d ON d.id = e.doc_id
    WHERE e.state = 'failed' ORDER BY e.due_at LIMIT {MOST}
"""


def states() -> list[Row]:
    """How many docs have their vectors, wait for them or got none, by model."""
    return rows(_STATES)


def failed() -> list[Row]:
    """Docs that got no vectors, those that are tried again first."""
    return rows(_FAILED)
