"""Removes files and docs that are too old.

Contents of files go behind them: no row lacks its content, and a content whose removal is not reached is known by a
row of its own. Of docs vectors and chunks go first, so that no statement has much to do: one that is killed on the way
has lost a part of its content and is gone after the next pass.
"""

from typing import Any

from agents.retention.kinds import Expired, Kind, deletion
from agents.retention.pace import Pace
from docs_store.files.services import forget_contents
from julep_project.core.database import fetch

# Docs whose parts are removed together.
_AT_ONCE = 100

_DUE = "SELECT id FROM docs_store_file WHERE developer_id = %(developer)s AND created_at < %(before)s"
_REMOVE = deletion("docs_store_file", _DUE)


def _remove(expired: Expired, pace: Pace) -> int:
    def forget(found: list[tuple[Any, ...]]) -> None:
        forget_contents([file_id for (file_id,) in found])

    return pace.drain(_REMOVE, expired.values, forget)


_DOCS_DUE = "SELECT id FROM docs_store_doc WHERE developer_id = %(developer)s AND created_at < %(before)s"
_SOME_DOCS = f"{_DOCS_DUE} LIMIT {_AT_ONCE}"
_PARTS = (
    """
    DELETE FROM docs_store_embedding WHERE id IN (
        SELECT vector.id FROM docs_store_chunk chunk JOIN docs_store_embedding vector ON vector.chunk_id = chunk.id
        WHERE chunk.doc_id = ANY (%(docs)s) LIMIT %(rows)s) RETURNING id
    """,
    """
    DELETE FROM docs_store_chunk WHERE id IN (
        SELECT id FROM docs_store_chunk WHERE doc_id = ANY (%(docs)s) LIMIT %(rows)s) RETURNING id
    """,
)
# A job that still reads a file into one of them finds it gone.
_REMOVE_DOCS = """
    DELETE FROM docs_store_doc WHERE id IN (
        SELECT id FROM docs_store_doc WHERE id = ANY (%(docs)s) LIMIT %(rows)s) RETURNING id
"""


def _remove_docs(expired: Expired, pace: Pace) -> int:
    count = 0
    while found := [doc_id for (doc_id,) in fetch(_SOME_DOCS, expired.values)]:
        values: dict[str, Any] = {"docs": found}
        for statement in _PARTS:
            pace.drain(statement, values)
        count += pace.drain(_REMOVE_DOCS, values)
    return count


DOCS = Kind("docs", "Docs, with their vectors", _DOCS_DUE, _remove_docs)
FILES = Kind("files", "Files, with their contents", _DUE, _remove)
