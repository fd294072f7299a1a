"""Documents of agents, users and vector stores, cut into chunks, with vectors of any number of embedding models.

A doc never changes once it is stored; one that is read in a file grows until it is read. `DO_NOTHING` means that the
database cascades by itself (migrations `database_cascades` and `vector_stores`). Tenant and owner of a doc are repeated
in its chunks and vectors, so that a search narrows down to them without a join; those columns carry no foreign keys of
their own, because the rows live and die with their doc.
"""

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from pgvector.django import VectorField

from julep_project.core.clock import DatabaseNow
from julep_project.core.jobs.rows import OPEN, JobRow, JobState
from julep_project.core.models import Resource, metadata_index
from julep_project.core.tenancy import Shared, TenantManager
from julep_project.core.work.rows import QueuedRow

LONGEST_TITLE = 800
LONGEST_CHUNK = 30_000
LONGEST_FILE_NAME = 255
LONGEST_STORE_NAME = 256

ANY_PURPOSE = "user_data"

_OF_AGENT = Q(agent__isnull=False)
_OF_USER = Q(user__isnull=False)
_OF_STORE = Q(store__isnull=False)
_OF_STORE_FILE = Q(store_file__isnull=False)
# The columns of which a doc has one.
_OWNERS = ("agent", "user", "store")


def _only(owner: str) -> Q:
    """The owner is of this kind, and of no other."""
    return Q(**{f"{each}__isnull": each != owner for each in _OWNERS})


def _copied(model: str, *, null: bool = False) -> Any:
    """A column that repeats one of the doc."""
    return models.ForeignKey(
        model, null=null, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )


class Doc(Resource):
    """A text that an agent or a user knows, or that a vector store has of one of its files (`store_file`)."""

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    agent = models.ForeignKey(
        "agents.Agent", null=True, on_delete=models.DO_NOTHING, related_name="docs", db_index=False
    )
    user = models.ForeignKey("agents.User", null=True, on_delete=models.DO_NOTHING, related_name="docs", db_index=False)
    store = models.ForeignKey(
        "docs_store.VectorStore", null=True, on_delete=models.DO_NOTHING, related_name="docs", db_index=False
    )
    store_file = models.ForeignKey(
        "docs_store.VectorStoreFile", null=True, on_delete=models.DO_NOTHING, related_name="docs", db_index=False
    )
    title = models.CharField(max_length=LONGEST_TITLE)
    metadata = models.JSONField(default=dict, blank=True)
    embed_instruction = models.TextField(null=True, blank=True, help_text="stands before each chunk that is embedded")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of title and content")

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [
            models.CheckConstraint(
                condition=_only("agent") | _only("user") | _only("store"), name="doc_has_one_of_three_owners"
            ),
            models.UniqueConstraint(fields=["store_file"], condition=_OF_STORE_FILE, name="doc_of_store_file"),
            *(
                models.UniqueConstraint(
                    fields=[role, "content_hash"],
                    name=f"doc_of_{role}_unique",
                    violation_error_message=f"A doc with this content already exists for this {role}",
                )
                for role in ("agent", "user")
            ),
        ]
        indexes = [
            models.Index(fields=["agent", "-created_at", "-id"], name="doc_of_agent", condition=_OF_AGENT),
            models.Index(fields=["user", "-created_at", "-id"], name="doc_of_user", condition=_OF_USER),
            models.Index(fields=["store"], name="doc_of_store", condition=_OF_STORE),
            models.Index(fields=["developer", "-created_at", "-id"], name="doc_of_developer"),
            metadata_index("doc_metadata"),
        ]

    def __str__(self) -> str:
        return self.title


class Chunk(models.Model):
    """One item of a doc's content. `search` holds what text search finds it by (`docs_store.search.indexing`)."""

    id = models.BigAutoField(primary_key=True)
    developer = _copied("agents.Developer")
    agent = _copied("agents.Agent", null=True)
    user = _copied("agents.User", null=True)
    store = _copied("docs_store.VectorStore", null=True)
    doc = models.ForeignKey(Doc, on_delete=models.DO_NOTHING, related_name="chunks", db_index=False)
    index = models.PositiveIntegerField()
    content = models.TextField()
    search = SearchVectorField()
    search_version = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="how `search` was made")
    place = models.JSONField(null=True, help_text="page and heading, of a chunk that was read in a file")

    objects = TenantManager()

    class Meta:
        ordering = ("doc", "index")
        constraints = [models.UniqueConstraint(fields=["doc", "index"], name="chunk_index_unique")]
        indexes = [
            models.Index(fields=["agent"], name="chunk_of_agent", condition=_OF_AGENT),
            models.Index(fields=["user"], name="chunk_of_user", condition=_OF_USER),
            models.Index(fields=["store"], name="chunk_of_store", condition=_OF_STORE),
            GinIndex(fields=["search"], name="chunk_words"),
            models.Index(fields=["id"], name="chunk_of_older_words", condition=Q(search_version__lt=2)),
        ]

    def __str__(self) -> str:
        return f"{self.doc_id} [{self.index}]"


class EmbeddingModel(models.Model):
    """A model whose vectors are kept. Docs get vectors of every model listed here; searches use one of them."""

    tenancy = Shared()

    name = models.CharField(primary_key=True, max_length=255)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    dimensions = models.PositiveIntegerField(null=True, help_text="known from the first vector on")
    covered_at = models.DateTimeField(null=True, help_text="since when every doc has its place in the queue")
    covered_to = models.UUIDField(null=True, help_text="docs up to this one were given their places, but for a few")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class EmbeddingState(models.TextChoices):
    """How far a doc's vectors are."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class DocEmbedding(QueuedRow):
    """Whether a doc has its vectors of one model, and when to try (again).

    `attempts` are counted since vectors were last stored. `due_at` of a failed row is when it gets another attempt.
    `developer` is the doc's: the database fills it in (migration `embedding_tenants`). One row of those claimed
    together `leads`.
    """

    id = models.BigAutoField(primary_key=True)
    developer = _copied("agents.Developer", null=True)
    doc = models.ForeignKey(Doc, on_delete=models.DO_NOTHING, related_name="embeddings", db_index=False)
    model = models.ForeignKey(EmbeddingModel, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    state = models.CharField(max_length=8, choices=EmbeddingState.choices, default=EmbeddingState.PENDING)
    leads = models.BooleanField(default=False, db_default=False)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["doc", "model"], name="doc_embedding_unique"),
            models.CheckConstraint(condition=Q(state__in=EmbeddingState.values), name="doc_embedding_state_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="doc_embedding_pending", condition=Q(state=EmbeddingState.PENDING)),
            models.Index(fields=["due_at"], name="doc_embedding_failed", condition=Q(state=EmbeddingState.FAILED)),
            models.Index(
                fields=["developer", "due_at"],
                name="doc_embedding_of_tenant",
                condition=Q(state=EmbeddingState.PENDING),
            ),
            models.Index(
                fields=["developer", "model", "due_at"],
                name="doc_embedding_untried",
                condition=Q(state=EmbeddingState.PENDING, attempts=0),
            ),
            models.Index(fields=["developer"], name="doc_embedding_leading", condition=Q(leads=True)),
            models.Index(fields=["model", "state"], name="doc_embedding_of_model"),
        ]

    def __str__(self) -> str:
        return f"{self.doc_id} {self.model_id}: {self.state}"


class Embedding(models.Model):
    """The vector of a chunk by one model. `docs_store.vector_index` adds an index for each model that needs one."""

    id = models.BigAutoField(primary_key=True)
    developer = _copied("agents.Developer")
    agent = _copied("agents.Agent", null=True)
    user = _copied("agents.User", null=True)
    store = _copied("docs_store.VectorStore", null=True)
    doc = _copied("docs_store.Doc")
    chunk = models.ForeignKey(Chunk, on_delete=models.DO_NOTHING, related_name="embeddings", db_index=False)
    model = models.CharField(max_length=255)
    vector = VectorField()

    objects = TenantManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chunk", "model"], name="embedding_unique")]
        indexes = [
            models.Index(fields=["agent", "model"], name="embedding_of_agent", condition=_OF_AGENT),
            models.Index(fields=["user", "model"], name="embedding_of_user", condition=_OF_USER),
            models.Index(fields=["store", "model"], name="embedding_of_store", condition=_OF_STORE),
        ]

    def __str__(self) -> str:
        return f"{self.chunk_id} {self.model}"


class File(Resource):
    """A file clients store. Its content lies in the file storage; see `docs_store.files`.

    From `expires_at` on it is as if it were gone, and soon it is.
    """

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey("agents.Project", on_delete=models.RESTRICT, related_name="files")
    name = models.CharField(max_length=LONGEST_FILE_NAME)
    description = models.TextField(blank=True, default="")
    purpose = models.CharField(
        max_length=32, default=ANY_PURPOSE, db_default=ANY_PURPOSE, help_text="what the client means to do with it"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    mime_type = models.CharField(max_length=120, null=True, blank=True)
    size = models.PositiveBigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)

    objects = TenantManager()

    class Meta(Resource.Meta):
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="file_of_developer"),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="file_that_expires"),
        ]

    def __str__(self) -> str:
        return self.name


class VectorStore(Resource):
    """Files that are searched together. Without `expires_after_days` it is kept for ever; else, once nobody has used it
    for so long, it cannot be used any more, and loses its files."""

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_STORE_NAME, blank=True, default="")
    description = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    expires_after_days = models.PositiveSmallIntegerField(null=True, blank=True)
    last_active_at = models.DateTimeField(db_default=DatabaseNow())

    objects = TenantManager()

    class Meta(Resource.Meta):
        indexes = [
            models.Index(fields=["developer", "-created_at", "-id"], name="vector_store_of_developer"),
            models.Index(
                fields=["last_active_at"],
                condition=Q(expires_after_days__isnull=False),
                name="vector_store_that_expires",
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class FileBatch(Resource):
    """Files that were put into a vector store together. Where it stands follows from where they do."""

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    store = models.ForeignKey(VectorStore, on_delete=models.DO_NOTHING, related_name="batches")
    cancelled_at = models.DateTimeField(null=True, blank=True)

    objects = TenantManager()

    def __str__(self) -> str:
        return str(self.pk)


class VectorStoreFile(Resource):
    """A file in a vector store. A job (`jobs`) reads it into a doc (`docs`), whose metadata repeat the `attributes`: by
    those it is searched. It goes with its file, and with its store."""

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    store = models.ForeignKey(VectorStore, on_delete=models.DO_NOTHING, related_name="files", db_index=False)
    file = models.ForeignKey(File, on_delete=models.DO_NOTHING, related_name="stores")
    batch = models.ForeignKey(FileBatch, null=True, blank=True, on_delete=models.DO_NOTHING, related_name="files")
    attributes = models.JSONField(default=dict, blank=True)

    objects = TenantManager()

    class Meta(Resource.Meta):
        constraints = [models.UniqueConstraint(fields=["store", "file"], name="vector_store_has_a_file_once")]
        indexes = [models.Index(fields=["store", "-created_at", "-id"], name="vector_store_file_of_store")]

    def __str__(self) -> str:
        return f"{self.store_id} {self.file_id}"


class FileContent(models.Model):
    """A content of a file in the file storage. The row is there before the content, and until it is removed.

    It has no foreign keys: a content outlives its file and its developer until it is pruned.
    """

    file_id = models.UUIDField(primary_key=True)
    developer_id = models.UUIDField()
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    def __str__(self) -> str:
        return str(self.file_id)


class Ingestion(JobRow):
    """The job that reads a file into a doc, part by part; a part is a page, or a stretch of a file without pages.

    What was read is stored, so another attempt goes on after `parts_read`. Without its doc it is aborted. `content_id`
    names a content in the file storage: a file's, or one that was uploaded for this job (`is_upload`) and goes with it.
    Without `chunk_tokens` chunks are as long as docs usually have them.
    """

    developer = models.ForeignKey("agents.Developer", on_delete=models.CASCADE, related_name="+")
    doc = models.ForeignKey(Doc, null=True, on_delete=models.DO_NOTHING, related_name="ingestions")
    store_file = models.ForeignKey(
        VectorStoreFile, null=True, on_delete=models.DO_NOTHING, related_name="jobs", db_index=False
    )
    chunk_tokens = models.PositiveSmallIntegerField(null=True, help_text="of the longest chunk")
    overlap_tokens = models.PositiveSmallIntegerField(null=True, help_text="of a chunk that the next one repeats")
    content_id = models.UUIDField()
    is_upload = models.BooleanField()
    size = models.PositiveBigIntegerField(help_text="bytes")
    suffix = models.CharField(max_length=16, blank=True, default="", help_text="what the file's name ends with")
    mime_type = models.CharField(max_length=120, blank=True, default="")
    parts_total = models.PositiveIntegerField(null=True, help_text="null where it is not known before the end")
    parts_read = models.PositiveIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    text_bytes = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0.0, help_text="time it was read for")
    broken = models.JSONField(default=list, blank=True, help_text="parts that cannot be read, the first of them")
    broken_count = models.PositiveIntegerField(default=0)
    deadly = models.JSONField(default=list, blank=True, help_text="parts that ended the process that read them")
    error_code = models.CharField(max_length=64, blank=True, default="")

    objects = TenantManager()

    class Meta(JobRow.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="ingestion_state_known"),
            models.UniqueConstraint(fields=["store_file"], condition=_OF_STORE_FILE, name="ingestion_of_store_file"),
        ]
        indexes = [
            models.Index(fields=["developer", "due_at"], condition=Q(state__in=OPEN), name="ingestion_of_tenant"),
            models.Index(fields=["content_id"], condition=Q(state__in=OPEN), name="ingestion_of_content"),
            models.Index(
                fields=["developer", "lease_until"],
                condition=Q(state__in=OPEN, lease_until__isnull=False),
                name="ingestion_at_work",
            ),
        ]

    def details(self) -> dict[str, Any]:
        """What is read, how far, and what cannot be."""
        return {
            "doc_id": None if self.doc_id is None else str(self.doc_id),
            "parts_total": self.parts_total,
            "parts_read": self.parts_read,
            "chunks": self.chunk_count,
            "broken_parts": self.broken_count,
            "broken": self.broken,
            "error": {"code": self.error_code, "message": self.reason} if self.error_code else None,
        }
