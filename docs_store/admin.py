"""Staff pages: read only. A doc changes through the API; its vectors come by themselves."""

from django.contrib import admin

from docs_store.models import Chunk, Doc, DocEmbedding, EmbeddingModel, File, Ingestion, VectorStore, VectorStoreFile
from julep_project.core.admin import ReadOnlyAdmin


@admin.register(Doc)
class DocAdmin(ReadOnlyAdmin):
    """Docs, newest first."""

    list_display = ("title", "agent", "user", "store", "developer", "created_at")
    list_select_related = ("agent", "user", "store", "developer")
    search_fields = ("id__exact", "title")


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    """What docs are made of."""

    list_display = ("doc", "index", "content_start")
    list_select_related = ("doc",)
    search_fields = ("doc__id__exact",)
    exclude = ("search",)
    ordering = ("-id",)

    @admin.display(description="content")
    def content_start(self, chunk: Chunk) -> str:
        return chunk.content[:100]


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnlyAdmin):
    """Models whose vectors are kept."""

    list_display = ("name", "dimensions", "created_at", "covered_at")


@admin.register(DocEmbedding)
class DocEmbeddingAdmin(ReadOnlyAdmin):
    """Which docs have their vectors, which wait for them, and why some failed."""

    list_display = ("doc", "model", "state", "attempts", "due_at", "lease_until", "error")
    list_filter = ("state", "model")
    list_select_related = ("doc", "model")
    search_fields = ("doc__id__exact", "doc__title")
    raw_id_fields = ("doc",)


@admin.register(Ingestion)
class IngestionAdmin(ReadOnlyAdmin):
    """Files that are read into docs, how far they are, and why some cannot be."""

    list_display = ("id", "doc", "state", "parts_read", "parts_total", "broken_count", "error_code", "created_at")
    list_filter = ("state", "error_code")
    list_select_related = ("doc",)
    search_fields = ("id__exact", "doc__id__exact")
    raw_id_fields = ("doc",)


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    """What clients stored, newest first; the contents lie in the file storage."""

    list_display = ("name", "mime_type", "size", "developer", "created_at")
    list_select_related = ("developer",)
    search_fields = ("id__exact", "name", "sha256__exact")


@admin.register(VectorStore)
class VectorStoreAdmin(ReadOnlyAdmin):
    """Files that are searched together, newest first."""

    list_display = ("__str__", "developer", "expires_after_days", "last_active_at", "created_at")
    list_select_related = ("developer",)
    search_fields = ("id__exact", "name")


@admin.register(VectorStoreFile)
class VectorStoreFileAdmin(ReadOnlyAdmin):
    """Which files are in which vector stores."""

    list_display = ("file", "store", "developer", "created_at")
    list_select_related = ("file", "store", "developer")
    search_fields = ("id__exact", "store__id__exact", "file__id__exact")
