"""Routes of docs, searches, embedding and files."""

from typing import Any

from django.urls import path

from docs_store.api.embed_view import embed
from docs_store.api.file_views import FileViewSet
from docs_store.api.views import AgentDocViewSet, DocViewSet, SearchViewSet, UserDocViewSet

_DOCS: dict[str, Any] = {"get": "list", "post": "create", "delete": "destroy_many"}
_DOC: dict[str, Any] = {"delete": "destroy"}
_SEARCH: dict[str, Any] = {"get": "by_parameters", "post": "by_body"}

urlpatterns = [
    path("agents/<str:id>/docs", AgentDocViewSet.as_view(_DOCS)),
    path("agents/<str:id>/docs/<str:doc_id>", AgentDocViewSet.as_view(_DOC)),
    path("agents/<str:id>/search", SearchViewSet.as_view(_SEARCH, role="agent")),
    path("users/<str:id>/docs", UserDocViewSet.as_view(_DOCS)),
    path("users/<str:id>/docs/<str:doc_id>", UserDocViewSet.as_view(_DOC)),
    path("users/<str:id>/search", SearchViewSet.as_view(_SEARCH, role="user")),
    path("docs/<str:id>", DocViewSet.as_view({"get": "retrieve"})),
    path("embed", embed),
    path("files", FileViewSet.as_view({"get": "list", "post": "create"})),
    path("files/<str:id>", FileViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
]
