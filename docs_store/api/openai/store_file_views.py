"""`/v1/vector_stores/{store}/files` and `/file_batches`: what is in a vector store. The same without `/v1`."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from docs_store.api.openai.answers import CONTENT, BatchObject, StoreFileObject, deleted_of, list_of
from docs_store.api.openai.bodies import (
    AttributesBody,
    BatchBody,
    StoreFileBody,
    StoreFilePageQuery,
    wanted_file,
    wanted_files,
)
from docs_store.api.openai.pages import listed, read_page, read_query
from docs_store.models import FileBatch
from docs_store.stores import selectors, services
from docs_store.stores.references import BATCH, FILE, STORE, parse_reference, reference
from docs_store.stores.wire import batch_to_wire, store_file_to_wire, texts_to_wire
from julep_project.core.api.query import takes
from julep_project.core.api.views import ApiViewSet

_USUAL = 20


class _FilesViewSet(ApiViewSet):
    """What views of files in stores share."""

    def _page(self, rows: Any, asked: Mapping[str, Any]) -> Response:
        # A file that ended one page may stand elsewhere when the next one is asked for.
        standing = rows.filter(status=asked["filter"]) if "filter" in asked else rows
        page = read_page(standing, asked, prefix=FILE, usual=_USUAL, named_by="file", among=rows)
        return Response(listed(*page, store_file_to_wire))


class StoreFileViewSet(_FilesViewSet):
    """`/vector_stores/{store}/files` and `/vector_stores/{store}/files/{file}`."""

    resource = "File"

    @takes(StoreFilePageQuery)
    @extend_schema(
        operation_id="vector_store_file_list", responses={200: list_of("vector_store_files", StoreFileObject)}
    )
    def listing(self, request: Request, store: str) -> Response:
        """Files in a vector store, newest first; `filter` names where they stand."""
        asked = read_query(StoreFilePageQuery, request.query_params)
        row = selectors.get_store(self.developer, _store_id(store))
        return self._page(selectors.list_store_files(self.developer, store=row), asked)

    @extend_schema(operation_id="vector_store_file_create", request=StoreFileBody, responses={200: StoreFileObject})
    def create(self, request: Request, store: str) -> Response:
        """Put a file into a vector store; a job reads it. One that is in it is read anew only if need be."""
        wanted = wanted_file(StoreFileBody.read(request.data))
        row = services.add_file(developer=self.developer, store_id=_store_id(store), wanted=wanted)
        return Response(store_file_to_wire(row))

    @extend_schema(operation_id="vector_store_file_retrieve", responses={200: StoreFileObject})
    def retrieve(self, request: Request, store: str, file: str) -> Response:
        """One file in a vector store, and where it stands."""
        return Response(store_file_to_wire(self._file(store, file)))

    @extend_schema(operation_id="vector_store_file_update", request=AttributesBody, responses={200: StoreFileObject})
    def update(self, request: Request, store: str, file: str) -> Response:
        """Give a file in a vector store other attributes."""
        attributes = AttributesBody.read(request.data)["attributes"] or {}
        names = {"store_id": _store_id(store), "file_id": parse_reference(FILE, file)}
        row = services.change_attributes(developer=self.developer, **names, attributes=attributes)
        return Response(store_file_to_wire(row))

    @extend_schema(
        operation_id="vector_store_file_delete", request=None, responses={200: deleted_of("vector_store.file.deleted")}
    )
    def destroy(self, request: Request, store: str, file: str) -> Response:
        """Take a file out of a vector store. The file stays."""
        row = self._file(store, file)
        services.remove_file(developer=self.developer, store_id=row.store_id, file_id=row.file_id)
        return Response({"id": reference(FILE, row.file_id), "object": "vector_store.file.deleted", "deleted": True})

    @extend_schema(operation_id="vector_store_file_content", responses={200: CONTENT})
    def content(self, request: Request, store: str, file: str) -> Response:
        """What was read in a file of a vector store, chunk by chunk."""
        return Response(texts_to_wire(selectors.texts_of(self._file(store, file))))

    def _file(self, store: str, file: str) -> Any:
        return selectors.get_store_file(self.developer, _store_id(store), parse_reference(FILE, file))


class FileBatchViewSet(_FilesViewSet):
    """`/vector_stores/{store}/file_batches` and what is below it."""

    resource = "Batch of files"

    @extend_schema(operation_id="file_batch_create", request=BatchBody, responses={200: BatchObject})
    def create(self, request: Request, store: str) -> Response:
        """Put many files into a vector store at once."""
        wanted = wanted_files(BatchBody.read(request.data))
        return self._shown(services.add_batch(developer=self.developer, store_id=_store_id(store), wanted=wanted))

    @extend_schema(operation_id="file_batch_retrieve", responses={200: BatchObject})
    def retrieve(self, request: Request, store: str, batch: str) -> Response:
        """One batch, with how many of its files stand where."""
        return self._shown(self._batch(store, batch))

    @extend_schema(operation_id="file_batch_cancel", request=None, responses={200: BatchObject})
    def cancel(self, request: Request, store: str, batch: str) -> Response:
        """Read no more files of a batch. Those that are read stay."""
        names = {"store_id": _store_id(store), "batch_id": parse_reference(BATCH, batch)}
        return self._shown(services.cancel_batch(developer=self.developer, **names))

    @takes(StoreFilePageQuery)
    @extend_schema(operation_id="file_batch_files", responses={200: list_of("file_batch_files", StoreFileObject)})
    def files(self, request: Request, store: str, batch: str) -> Response:
        """The files of a batch, newest first."""
        asked = read_query(StoreFilePageQuery, request.query_params)
        row = self._batch(store, batch)
        return self._page(selectors.list_store_files(self.developer, batch=row), asked)

    def _batch(self, store: str, batch: str) -> FileBatch:
        return selectors.get_batch(self.developer, _store_id(store), parse_reference(BATCH, batch))

    def _shown(self, batch: FileBatch) -> Response:
        counts = selectors.count_files(self.developer, "batch", [batch.pk])
        return Response(batch_to_wire(batch, counts[batch.pk]))


def _store_id(text: str) -> Any:
    return parse_reference(STORE, text)
