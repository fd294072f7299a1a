"""Writes of docs. Each is one transaction, limited to one developer.

A stored doc never changes; one that is read in a file grows until it is read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import record_all
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.resource_services import create_or_replace
from agents.retention.belongings import MOST_AT_ONCE, is_much, remove_belongings, within_a_request
from docs_store import embedding_queue, selectors
from docs_store.models import Chunk, Doc
from docs_store.owners import Owner, act_on_doc, owned_by
from docs_store.search.indexing import VERSION, search_vector
from docs_store.search.parts import remove_parts
from julep_project.core.errors import Conflict, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.reading.metadata_filter import object_condition

CHUNKS_PER_INSERT = 200
# Docs that are removed together, where there are many.
_TOGETHER = 20
_CHUNKS = "SELECT FROM docs_store_chunk WHERE doc_id = ANY (%(docs)s)"


def create_doc(*, developer: Developer, owner: Owner, values: Mapping[str, Any], doc_id: UUID | None = None) -> Doc:
    """Store a doc: text search finds it at once, its vectors come later.

    Raises:
        Conflict: there is no such owner.
        IntegrityError: the owner has a doc of this title and content.
    """
    if not owner.exists(developer):
        raise Conflict(f"The reference to the {owner.role} was not found during create")
    doc = Doc(
        id=doc_id or uuid7(),
        developer=developer,
        **owner.columns(),
        title=values["title"],
        metadata=values.get("metadata") or {},
        embed_instruction=values.get("embed_instruction"),
        content_hash=_content_hash(values["title"], values["content"]),
    )
    with transaction.atomic():
        doc.save(force_insert=True)
        add_chunks(doc, values["content"])
        embedding_queue.enqueue(doc.pk, developer.pk)
        record_all(developer.pk, [act_on_doc(Verb.CREATE, doc)])
    return selectors.get_doc(developer, doc.pk, include_embeddings=True)


def create_doc_once(*, developer: Developer, owner: Owner, values: Mapping[str, Any], doc_id: UUID) -> Doc:
    """Store a doc under this id, or give back the one that an earlier attempt stored under it.

    Raises:
        Conflict: there is no such owner.
        IntegrityError: the owner has another doc of this title and content.
    """
    return create_or_replace(
        exists=Doc.objects.for_developer(developer).filter(owned_by([owner]), pk=doc_id).exists,
        create=lambda: create_doc(developer=developer, owner=owner, values=values, doc_id=doc_id),
        replace=lambda: selectors.get_doc(developer, doc_id, include_embeddings=True),
    )


def add_chunks(doc: Doc, content: Sequence[str], *, first: int = 0, places: Sequence[Any] = ()) -> None:
    """Store chunks of a doc from an index on. `places` says where in its file each of them stands."""
    chunks = _chunks(doc, content, first)
    for chunk, place in zip(chunks, places, strict=False):
        chunk.place = place
    Chunk.objects.bulk_create(chunks, batch_size=CHUNKS_PER_INSERT)


def delete_doc(*, developer: Developer, owner: Owner, doc_id: UUID) -> None:
    """Remove a doc of the owner.

    Raises:
        NotFound: the owner has no such doc (any more).
        ServiceUnavailable: it is so long that it takes more requests than this.
    """
    docs = Doc.objects.for_developer(developer).filter(owned_by([owner]), pk=doc_id)
    if docs.exists():
        remove_belongings(ObjectKind.DOC, doc_id)
    with transaction.atomic():
        if not _remove(developer, docs):
            raise NotFound("Doc not found")


def delete_docs(*, developer: Developer, owner: Owner, values: Mapping[str, Any]) -> list[UUID]:
    """Remove the owner's docs that the `metadata_filter` means; their ids, newest first. An empty one means none.

    `delete_all` removes them all, whatever the filter says.

    Raises:
        NotFound: there is no such owner.
        ServiceUnavailable: that is so much that it takes more requests than this; the next one names the rest.
    """
    selectors.require_owner(developer, owner)
    docs = Doc.objects.for_developer(developer).filter(owned_by([owner]))
    if not values.get("delete_all"):
        matching = object_condition(values.get("metadata_filter", {}))
        docs = docs.filter(matching) if matching else docs.none()
    first = list(docs.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    if len(first) > MOST_AT_ONCE or is_much(_CHUNKS, {"docs": first}):
        return _remove_in_parts(developer, docs)
    with transaction.atomic():
        return _remove(developer, docs)


def _remove_in_parts(developer: Developer, docs: "QuerySet[Doc]") -> list[UUID]:
    """The same where there is too much for one transaction: some docs after the others, and of them chunks first."""
    removed: list[UUID] = []
    with within_a_request() as pace:
        while some := list(docs.order_by("-pk").values_list("pk", flat=True)[:_TOGETHER]):
            with pace.whole():
                remove_parts(some, pace)
                with transaction.atomic():
                    removed += _remove(developer, docs.filter(pk__in=some))
    return removed


def _remove(developer: Developer, docs: "QuerySet[Doc]") -> list[UUID]:
    """Remove the docs; their ids, newest first."""
    names = ("pk", "title", "agent_id", "user_id")
    found = list(docs.select_for_update().order_by("-pk").only(*names))
    ids = [doc.pk for doc in found]
    Doc.objects.filter(pk__in=ids).delete()
    record_all(developer.pk, (act_on_doc(Verb.DELETE, doc) for doc in found))
    return ids


def _content_hash(title: str, content: Sequence[str]) -> str:
    return hashlib.sha256(orjson.dumps([title, list(content)])).hexdigest()


def _chunks(doc: Doc, content: Sequence[str], first: int) -> list[Chunk]:
    return [
        Chunk(
            developer_id=doc.developer_id,
            agent_id=doc.agent_id,
            user_id=doc.user_id,
            store_id=doc.store_id,
            doc=doc,
            index=index,
            content=text,
            search=search_vector(doc.title, text),
            search_version=VERSION,
        )
        for index, text in enumerate(content, first)
    ]
