"""Docs of agents and users, and searches in them. Subclasses say whose docs a path means."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from docs_store import selectors, services
from docs_store.api.serializers import BulkDeleteBody, DocAnswer, DocBody, FileDocBody, SearchAnswer, UploadBody
from docs_store.api.upload import upload_of
from docs_store.ingestion.starting import ingest_file
from docs_store.models import Doc
from docs_store.owners import Owner, Role
from docs_store.search import SearchQuery, answer_search, parse_search, parse_search_parameters
from docs_store.search.query import SearchBody
from docs_store.wire import doc_to_wire
from julep_project.core.api.api_schema import Deleted, describe, page_of
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.pagination import SmallPagination
from julep_project.core.api.query import METADATA_FILTER, takes
from julep_project.core.api.views import ApiViewSet, created, deleted, deletion
from julep_project.core.clock import now
from julep_project.core.reading.metadata_filter import metadata_condition
from julep_project.core.reading.multipart import MultipartParser
from julep_project.core.reading.parsers import JsonParser
from julep_project.core.reading.validation import invalid

_INCLUDE_EMBEDDINGS = OpenApiParameter("include_embeddings", OpenApiTypes.BOOL, default=True)
_ANSWERS = {"true": True, "1": True, "false": False, "0": False, "": True}


_DESCRIBED: dict[str, Any] = {
    "body": DocBody,
    "form": UploadBody,
    "answer": DocAnswer,
    "ids": ("id", "doc_id"),
    "max_limit": SmallPagination.max_limit,
    "query": [METADATA_FILTER, _INCLUDE_EMBEDDINGS],
}


class OwnedDocViewSet(ApiViewSet):
    """`/{agents,users}/{id}/docs` and `/{agents,users}/{id}/docs/{doc_id}`."""

    resource = "Doc"
    pagination = SmallPagination
    parser_classes = (MultipartParser, JsonParser)
    role: ClassVar[Role]

    def list(self, request: Request, id: UUID) -> Response:
        """The owner's docs, newest first; `metadata_filter` narrows the list."""
        wanted = _wants_embeddings(request)
        rows = selectors.list_docs(self.developer, Owner(self.role, id))
        paginator = self.pagination()
        page = paginator.paginate_queryset(rows.filter(metadata_condition(request.query_params)), request)
        docs = selectors.with_content(page, include_embeddings=wanted)
        return paginator.get_paginated_response([doc_to_wire(doc, include_embeddings=wanted) for doc in docs])

    def create(self, request: Request, id: UUID) -> Response:
        """Store a doc. Text search finds it at once; its vectors come later.

        With a file in place of a content, a form or `file_id`, a job reads that into the doc.
        """
        owner, data = Owner(self.role, id), request.data
        if isinstance(data, QueryDict):
            return self._reading(*upload_of(self.developer, owner, data))
        if isinstance(data, dict) and data.get("file_id") is not None:
            values = FileDocBody.read(data)
            file_id = values["file_id"]
            return self._reading(*ingest_file(developer=self.developer, owner=owner, file_id=file_id, values=values))
        doc = services.create_doc(developer=self.developer, owner=owner, values=DocBody.read(data))
        return created(doc_to_wire(doc, include_embeddings=True))

    def _reading(self, doc: Doc, job_id: UUID) -> Response:
        return created(doc_to_wire(doc, include_embeddings=True), jobs=[job_id])

    def destroy(self, request: Request, id: UUID, doc_id: UUID) -> Response:
        """Remove a doc of the owner."""
        services.delete_doc(developer=self.developer, owner=Owner(self.role, id), doc_id=doc_id)
        return deleted(doc_id)

    @extend_schema(request=BulkDeleteBody, responses={202: page_of("deleted_doc", Deleted)})
    def destroy_many(self, request: Request, id: UUID) -> Response:
        """Remove the docs whose metadata match, or all of them; nothing without filter and without `delete_all`."""
        values = BulkDeleteBody.read(request.data)
        ids = services.delete_docs(developer=self.developer, owner=Owner(self.role, id), values=values)
        at = now()
        return Response({"items": [deletion(doc_id, at=at) for doc_id in ids]}, status=202)


@describe("agent_doc", **_DESCRIBED)
class AgentDocViewSet(OwnedDocViewSet):
    """Docs of an agent."""

    role = "agent"


@describe("user_doc", **_DESCRIBED)
class UserDocViewSet(OwnedDocViewSet):
    """Docs of a user."""

    role = "user"


@describe("doc", body=DocBody, answer=DocAnswer)
class DocViewSet(ApiViewSet):
    """`/docs/{id}`."""

    resource = "Doc"

    @takes(_INCLUDE_EMBEDDINGS)
    def retrieve(self, request: Request, id: UUID) -> Response:
        """One doc, with its vectors unless `include_embeddings` is false."""
        wanted = _wants_embeddings(request)
        doc = selectors.get_doc(self.developer, id, include_embeddings=wanted)
        return Response(doc_to_wire(doc, include_embeddings=wanted))


class SearchViewSet(ApiViewSet):
    """`/{agents,users}/{id}/search`."""

    resource = "Doc"
    is_search = True
    scope = KeyScope.READ
    role: Role = "agent"

    @extend_schema(request=SearchBody, responses=SearchAnswer)
    def by_body(self, request: Request, id: UUID) -> Response:
        """Search by text, by vector, or by both."""
        return self._found(Owner(self.role, id), parse_search(request.data))

    @takes(SearchBody, METADATA_FILTER)
    @extend_schema(responses=SearchAnswer)
    def by_parameters(self, request: Request, id: UUID) -> Response:
        """Search, with the same fields in the query string."""
        return self._found(Owner(self.role, id), parse_search_parameters(request.query_params))

    def _found(self, owner: Owner, query: SearchQuery) -> Response:
        return Response(answer_search(self.developer, [owner], query))


def _wants_embeddings(request: Request) -> Any:
    text = request.query_params.get("include_embeddings", "").lower()
    if text not in _ANSWERS:
        raise invalid(("query", "include_embeddings"), "bool_type", received=text)
    return _ANSWERS[text]
