"""Routes of docs, searches, embedding and files, and of vector stores, under `/vector_stores` and `/v1/vector_stores`.

Files are others under `/v1`, in the words of OpenAI; they are the same rows.
"""

from typing import Any

from django.urls import path, re_path

from docs_store.api.embed_view import embed
from docs_store.api.file_views import FileViewSet
from docs_store.api.openai.file_views import OpenaiFileViewSet
from docs_store.api.openai.store_file_views import FileBatchViewSet, StoreFileViewSet
from docs_store.api.openai.store_views import VectorStoreViewSet, search
from docs_store.api.views import AgentDocViewSet, DocViewSet, SearchViewSet, UserDocViewSet

_DOCS: dict[str, Any] = {"get": "list", "post": "create", "delete": "destroy_many"}
_DOC: dict[str, Any] = {"delete": "destroy"}
_SEARCH: dict[str, Any] = {"get": "by_parameters", "post": "by_body"}
_LIST: dict[str, Any] = {"get": "listing", "post": "create"}
_STORED: dict[str, Any] = {"get": "retrieve", "post": "update", "delete": "destroy"}
_OPENAI_FILE = "v1/files/<str:file>"
_STORES = r"^(?:v1/)?vector_stores"
_STORE = _STORES + r"/(?P<store>[^/]+)"
_STORE_FILE = _STORE + r"/files/(?P<file>[^/]+)"
_BATCH = _STORE + r"/file_batches/(?P<batch>[^/]+)"

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
    path("v1/files", OpenaiFileViewSet.as_view(_LIST)),
    path(_OPENAI_FILE, OpenaiFileViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path(f"{_OPENAI_FILE}/content", OpenaiFileViewSet.as_view({"get": "content"})),
    re_path(f"{_STORES}$", VectorStoreViewSet.as_view(_LIST)),
    re_path(f"{_STORE}$", VectorStoreViewSet.as_view(_STORED)),
    re_path(f"{_STORE}/search$", search),
    re_path(f"{_STORE}/files$", StoreFileViewSet.as_view(_LIST)),
    re_path(f"{_STORE_FILE}$", StoreFileViewSet.as_view(_STORED)),
    re_path(f"{_STORE_FILE}/content$", StoreFileViewSet.as_view({"get": "content"})),
    re_path(f"{_STORE}/file_batches$", FileBatchViewSet.as_view({"post": "create"})),
    re_path(f"{_BATCH}$", FileBatchViewSet.as_view({"get": "retrieve"})),
    re_path(f"{_BATCH}/cancel$", FileBatchViewSet.as_view({"post": "cancel"})),
    re_path(f"{_BATCH}/files$", FileBatchViewSet.as_view({"get": "files"})),
]
