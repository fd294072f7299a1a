"""What system tools may do with docs. Steps get vectors unless they do without, as over HTTP; models, which pay for
every number, only if they ask."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings

from agents.llm import gateway
from agents.tools.system import METADATA_FILTER, SystemCall, operation
from docs_store import selectors, services
from docs_store.api.serializers import BulkDeleteBody, DocBody, EmbedBody
from docs_store.owners import Owner, Role
from docs_store.search import answer_search, parse_search
from docs_store.search.embedded_text import query_text
from docs_store.search.query import SearchBody
from docs_store.wire import doc_to_wire
from julep_project.core.api.views import deletion
from julep_project.core.reading.validation import invalid

Json = dict[str, Any]
Owned = Callable[[SystemCall, Owner], Any]
_WITH_VECTORS = {"include_embeddings": {"type": "boolean"}}


@operation("doc.get", ids="doc_id", more=_WITH_VECTORS)
def get_doc(call: SystemCall) -> Json:
    """Get one doc."""
    wanted = _wants_vectors(call)
    return doc_to_wire(
        selectors.get_doc(call.developer, call.id("doc_id"), include_embeddings=wanted), include_embeddings=wanted
    )


@operation("doc.embed", body=EmbedBody)
def embed(call: SystemCall) -> Json:
    """Make a vector of each text."""
    values = EmbedBody.read(call.arguments)
    texts = [query_text(text, values.get("embed_instruction")) for text in values["text"]]
    dimensions = selectors.stored_dimensions(settings.EMBEDDING_MODEL)
    return {"vectors": gateway.embed(call.developer, texts, dimensions=dimensions)}


def list_docs(call: SystemCall, owner: Owner) -> list[Json]:
    """List the docs of {whose}, the newest first."""
    wanted = _wants_vectors(call)
    rows = selectors.list_docs(call.developer, owner)
    page = call.paging(max_limit=100).load(call.narrowed(rows))
    docs = selectors.with_content(page, include_embeddings=wanted)
    return [doc_to_wire(doc, include_embeddings=wanted) for doc in docs]


def create_doc(call: SystemCall, owner: Owner) -> Json:
    """Store a doc for {whose}. It can be searched for by its words at once."""
    values = DocBody.read(call.arguments)
    doc = services.create_doc_once(developer=call.developer, owner=owner, values=values, doc_id=call.new_id())
    return doc_to_wire(doc, include_embeddings=_wants_vectors(call))


def delete_doc(call: SystemCall, owner: Owner) -> Any:
    """Delete a doc of {whose}: the one with `doc_id`, or those that `metadata_filter` or `delete_all` mean.

    An empty filter means none.
    """
    if "doc_id" in call.arguments:
        doc_id: UUID = call.id("doc_id")
        services.delete_doc(developer=call.developer, owner=owner, doc_id=doc_id)
        return deletion(doc_id)
    values = BulkDeleteBody.read(call.arguments)
    if "metadata_filter" not in values and not values.get("delete_all"):
        raise invalid(["doc_id"], "missing")
    ids = services.delete_docs(developer=call.developer, owner=owner, values=values)
    return [deletion(doc_id) for doc_id in ids]


def search_docs(call: SystemCall, owner: Owner) -> Json:
    """Search the docs of {whose} by words, by a vector, or by both."""
    query = parse_search({**call.arguments, "include_embeddings": _wants_vectors(call)})
    return answer_search(call.developer, [owner], query)


def _wants_vectors(call: SystemCall) -> bool:
    asked = call.arguments.get("include_embeddings")
    return not call.from_model if asked is None else asked is True


def _register(role: Role, whose: str) -> None:
    """The operations on docs of agents, and the same on those of users."""

    def owned(function: Owned) -> Callable[[SystemCall], Any]:
        def run(call: SystemCall) -> Any:
            return function(call, Owner(role, call.id(f"{role}_id")))

        run.__doc__ = (function.__doc__ or "").format(whose=whose)
        return run

    ids = f"{role}_id"
    doc_id = {"doc_id": {"type": "string", "format": "uuid"}}
    operation(f"{role}.doc.list", ids=ids, page=100, more={**METADATA_FILTER, **_WITH_VECTORS})(owned(list_docs))
    operation(f"{role}.doc.create", ids=ids, body=DocBody)(owned(create_doc))
    operation(f"{role}.doc.delete", ids=ids, body=BulkDeleteBody, more=doc_id)(owned(delete_doc))
    operation(f"{role}.doc.search", ids=ids, body=SearchBody, more=_WITH_VECTORS)(owned(search_docs))


_register("agent", "an agent")
_register("user", "a user")
