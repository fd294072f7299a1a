"""Removes files and docs that are too old, and what says of itself when it is.

Contents of files go behind them: no row lacks its content, and a content whose removal is not reached is known by a
row of its own. Of docs vectors and chunks go first, so that no statement has much to do: one that is killed on the way
has lost a part of its content and is gone after the next pass.
"""

from contextlib import suppress
from typing import Any
from uuid import UUID

from agents.retention.kinds import Expired, Kind, deletion
from agents.retention.pace import OutOfTime, Pace, Then
from docs_store.files.services import forget_contents
from docs_store.search.parts import remove_parts
from julep_project.core.database import fetch
from julep_project.core.tenancy import system_scope

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
# A job that still reads a file into one of them finds it gone. A file of a vector store is not in it any more.
_REMOVE_DOCS = """
    WITH gone AS (
        DELETE FROM docs_store_doc WHERE id IN (
            SELECT id FROM docs_store_doc WHERE id = ANY (%(docs)s) LIMIT %(rows)s) RETURNING id, store_file_id
    ), left_out AS (
        DELETE FROM docs_store_vectorstorefile WHERE id IN (SELECT store_file_id FROM gone)
    )
    SELECT id FROM gone
"""


def remove_docs(doc_ids: list[UUID], pace: Pace) -> int:
    """Remove docs with their chunks and vectors; how many."""
    remove_parts(doc_ids, pace)
    return pace.drain(_REMOVE_DOCS, {"docs": doc_ids})


def _remove_docs(expired: Expired, pace: Pace) -> int:
    count = 0
    while found := [doc_id for (doc_id,) in fetch(_SOME_DOCS, expired.values)]:
        count += remove_docs(found, pace)
    return count


_EXPIRED_FILES = """
    DELETE FROM docs_store_file WHERE id IN (
        SELECT id FROM docs_store_file WHERE expires_at <= now() ORDER BY expires_at LIMIT %(rows)s) RETURNING id
"""
# The stores stay, and say that they have expired.
_FILES_OF_EXPIRED_STORES = """
    DELETE FROM docs_store_vectorstorefile WHERE id IN (
        SELECT file.id FROM docs_store_vectorstore store
        JOIN docs_store_vectorstorefile file ON file.store_id = store.id
        WHERE store.expires_after_days IS NOT NULL
          AND store.last_active_at + make_interval(days => store.expires_after_days) <= now()
        LIMIT %(rows)s) RETURNING id
"""
# How long a pass takes at most.
_PASS_S = 60.0


@system_scope()
def remove_expired_files() -> int:
    """Remove files whose time is over, of all developers; how many. What is left over is found by the next pass."""

    def forget(found: list[tuple[Any, ...]]) -> None:
        forget_contents([file_id for (file_id,) in found])

    return _drained(_EXPIRED_FILES, forget)


@system_scope()
def empty_expired_stores() -> int:
    """Remove files from vector stores that nobody has used for too long; from how many places. Likewise."""
    return _drained(_FILES_OF_EXPIRED_STORES)


def _drained(statement: str, then: Then | None = None) -> int:
    count = 0

    def counted(found: list[tuple[Any, ...]]) -> None:
        nonlocal count
        count += len(found)
        if then is not None:
            then(found)

    with suppress(OutOfTime):
        Pace(seconds=_PASS_S).drain(statement, {}, counted)
    return count


DOCS = Kind("docs", "Docs, with their vectors", _DOCS_DUE, _remove_docs)
FILES = Kind("files", "Files, with their contents", _DUE, _remove)
