"""`/v1/vector_stores`: files that are searched together. The same without `/v1`."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Developer
from docs_store.api.openai.answers import FOUND, StoreObject, deleted_of, list_of
from docs_store.api.openai.bodies import (
    PageQuery,
    StoreBody,
    StoreChanges,
    StoreSearchBody,
    store_columns,
    store_query,
    wanted_files,
)
from docs_store.api.openai.pages import listed, read_page, read_query
from docs_store.models import VectorStore
from docs_store.stores import selectors
from docs_store.stores.references import STORE, parse_reference, reference
from docs_store.stores.searching import search_store
from docs_store.stores.services import STORES
from docs_store.stores.wire import found_to_wire, store_to_wire
from julep_project.core.api.api_schema import describe_async
from julep_project.core.api.async_views import api_view, json_response, read_request
from julep_project.core.api.auth import KeyScope
from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiViewSet

_USUAL = 20


class VectorStoreViewSet(ApiViewSet):
    """`/vector_stores` and `/vector_stores/{store}`."""

    resource = "Vector store"

    @takes(PageQuery)
    @extend_schema(operation_id="vector_store_list", responses={200: list_of("vector_stores", StoreObject)})
    def listing(self, request: Request) -> Response:
        """Vector stores, newest first."""
        asked = read_query(PageQuery, request.query_params)
        page, has_more = read_page(selectors.list_stores(self.developer), asked, prefix=STORE, usual=_USUAL)
        counts = selectors.count_files(self.developer, "store", [store.pk for store in page])
        return Response(listed(page, has_more, lambda store: store_to_wire(store, counts[store.pk])))

    @extend_schema(operation_id="vector_store_create", request=StoreBody, responses={200: StoreObject})
    def create(self, request: Request) -> Response:
        """Make a vector store. A job reads each of its `file_ids` into it."""
        values = StoreBody.read(request.data)
        columns = {**store_columns(values), "files": wanted_files(values)}
        return self._shown(STORES.create(developer=self.developer, values=columns))

    @extend_schema(operation_id="vector_store_retrieve", responses={200: StoreObject})
    def retrieve(self, request: Request, store: str) -> Response:
        """One vector store, with how many of its files stand where."""
        return self._shown(self._store(store))

    @extend_schema(operation_id="vector_store_update", request=StoreChanges, responses={200: StoreObject})
    def update(self, request: Request, store: str) -> Response:
        """Change what is given of a vector store."""
        columns = store_columns(StoreChanges.read(request.data, partial=True))
        row = self._store(store)
        return self._shown(STORES.patch(developer=self.developer, row_id=row.pk, values=columns))

    @extend_schema(
        operation_id="vector_store_delete", request=None, responses={200: deleted_of("vector_store.deleted")}
    )
    def destroy(self, request: Request, store: str) -> Response:
        """Remove a vector store with what was read for it. The files stay."""
        row = self._store(store)
        STORES.delete(developer=self.developer, row_id=row.pk)
        return Response({"id": reference(STORE, row.pk), "object": "vector_store.deleted", "deleted": True})

    def _store(self, text: str) -> VectorStore:
        return selectors.get_store(self.developer, parse_reference(STORE, text))

    def _shown(self, store: VectorStore) -> Response:
        counts = selectors.count_files(self.developer, "store", [store.pk])
        return Response(store_to_wire(store, counts[store.pk]))


@describe_async("vector_store_search", body=StoreSearchBody, answer=FOUND, ids=("store",))
@api_view("POST", scope=KeyScope.READ)
async def search(request: HttpRequest, developer: Developer, store: str) -> HttpResponseBase:
    """Search the files of a vector store by their words and their meaning: the best passage of each file that fits."""
    asked = await read_request(request, StoreSearchBody.read)
    query = store_query(asked)
    found: list[dict[str, Any]] = await search_store(developer, parse_reference(STORE, store), query)
    return json_response(found_to_wire(query.texts, found))
