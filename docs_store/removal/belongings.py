"""Removes the docs of an agent, a user or a vector store that has too many of them for one transaction, and the parts
of a doc or a file that has too many."""

from uuid import UUID

from agents.audit.verbs import ObjectKind
from agents.retention.belongings import Belonging, register, removed_together
from agents.retention.pace import Pace
from docs_store.removal.expiry import remove_docs
from docs_store.search.parts import remove_parts
from julep_project.core.database import fetch

_OWNERS = {ObjectKind.AGENT: "agent_id", ObjectKind.USER: "user_id", ObjectKind.VECTOR_STORE: "store_id"}
_CHUNKS = "SELECT FROM docs_store_chunk WHERE {column} = %(id)s"
# Their parts are removed together.
_SOME_DOCS = "SELECT id FROM docs_store_doc WHERE {column} = %(id)s LIMIT 20"
_CHUNKS_OF_DOCS = "SELECT FROM docs_store_chunk WHERE doc_id IN ({docs})"
_OF_STORE_FILE = "SELECT id FROM docs_store_doc WHERE store_file_id = %(id)s"
_OF_FILE = """
    SELECT doc.id FROM docs_store_vectorstorefile file JOIN docs_store_doc doc ON doc.store_file_id = file.id
    WHERE file.file_id = %(id)s
"""
# A doc stays, with nothing in it, until its own transaction removes it.
_DOCS = {ObjectKind.DOC: "SELECT %(id)s::uuid", ObjectKind.VECTOR_STORE_FILE: _OF_STORE_FILE, ObjectKind.FILE: _OF_FILE}


def _of_owner(column: str) -> Belonging:
    parts, some = (statement.format(column=column) for statement in (_CHUNKS, _SOME_DOCS))
    return Belonging(parts, removed_together(some, remove_docs))


def _of_docs(docs: str) -> Belonging:
    def drain(row_id: UUID, pace: Pace) -> None:
        remove_parts([doc_id for (doc_id,) in fetch(docs, {"id": row_id})], pace)

    return Belonging(_CHUNKS_OF_DOCS.format(docs=docs), drain)


def register_docs() -> None:
    """Let docs go before whom they belong to, and parts before docs."""
    for kind, column in _OWNERS.items():
        register(kind, _of_owner(column))
    for kind, docs in _DOCS.items():
        register(kind, _of_docs(docs))
