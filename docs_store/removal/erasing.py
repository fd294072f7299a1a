"""Removes what a user has of docs: vectors and chunks first, so that no statement has much to do."""

from agents.retention.kinds import Person, Personal
from agents.retention.pace import Pace

_FOUND = "SELECT id FROM docs_store_doc WHERE user_id = %(user)s AND developer_id = %(developer)s"
_PARTS = (
    """
    DELETE FROM docs_store_embedding WHERE id IN (
        SELECT id FROM docs_store_embedding WHERE user_id = %(user)s AND developer_id = %(developer)s
        LIMIT %(rows)s) RETURNING id
    """,
    """
    DELETE FROM docs_store_chunk WHERE id IN (
        SELECT id FROM docs_store_chunk WHERE user_id = %(user)s AND developer_id = %(developer)s
        LIMIT %(rows)s) RETURNING id
    """,
    """
    DELETE FROM docs_store_ingestion WHERE id IN (
        SELECT job.id FROM docs_store_doc doc JOIN docs_store_ingestion job ON job.doc_id = doc.id
        WHERE doc.user_id = %(user)s AND doc.developer_id = %(developer)s
          AND job.state NOT IN ('pending', 'in_progress', 'retrying')
        LIMIT %(rows)s) RETURNING id
    """,
)
# A job that still reads a file into one of them finds it gone, and lets go of what was uploaded.
_DOCS = """
    DELETE FROM docs_store_doc WHERE id IN (
        SELECT id FROM docs_store_doc WHERE user_id = %(user)s AND developer_id = %(developer)s
        LIMIT %(rows)s) RETURNING id
"""


def _remove(person: Person, pace: Pace) -> int:
    for statement in _PARTS:
        pace.drain(statement, person.values)
    return pace.drain(_DOCS, person.values)


DOCS = Personal("docs", _FOUND, _remove)
