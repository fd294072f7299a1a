"""Writes of vector stores. Each is one transaction, limited to one developer.

Whatever adds files to a store holds its row until that is committed; whatever removes one, the file's. What was read in
a file goes with it in the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from agents.audit.recording import Act, record, record_all
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from agents.resource_services import ResourceServices
from agents.retention.belongings import remove_belongings
from docs_store.files.services import hold_in_stores, list_files
from docs_store.ingestion import jobs
from docs_store.ingestion.starting import Chunking, ingest_store_files
from docs_store.models import Doc, File, FileBatch, Ingestion, VectorStore, VectorStoreFile
from docs_store.stores import selectors
from docs_store.stores.selectors import FileStatus, require_in_use
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.tenancy import get_or_not_found

MOST_FILES = 10_000
# That a store is used is written down no more often.
_USED_EVERY = timedelta(minutes=1)
_AT_ONCE = 500
_USABLE = (FileStatus.IN_PROGRESS, FileStatus.COMPLETED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is to be in a store. Without `chunking` it is cut as any doc."""

    file_id: UUID | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    chunking: Chunking | None = None


class StoreServices(ResourceServices[VectorStore]):
    """Vector stores; a new one may begin with `files`. One that has expired cannot be changed."""

    model: ClassVar[Any] = VectorStore
    fields: ClassVar[tuple[str, ...]] = ("name", "description", "metadata", "expires_after_days")
    merged: ClassVar[tuple[str, ...]] = ()

    @property
    def noun(self) -> str:
        return "vector_store"

    def insert(self, row: VectorStore, values: Mapping[str, Any]) -> None:
        super().insert(row, values)
        _put(row, values.get("files", ()))

    def prepare_change(self, row: VectorStore, columns: dict[str, Any]) -> None:
        """An expired one stays expired."""
        require_in_use(row)
        columns["last_active_at"] = DatabaseNow()

    def remove(self, row: VectorStore) -> None:
        """Its files are held before what was read in them, as by whoever takes one out."""
        hold_in_stores(VectorStoreFile.objects.filter(store=row).values("pk"))
        super().remove(row)


STORES = StoreServices()


@transaction.atomic
def add_file(*, developer: Developer, store_id: UUID | None, wanted: Wanted) -> Any:
    """Have a file in a store, and read it. One that is there already gets these attributes, and is read once more only
    if it could not be read, or is to be cut otherwise.

    Raises:
        NotFound: there is no such store, or no such file.
        BadRequest: the store has expired, or is full.
    """
    store = _locked(developer, store_id)
    _put(store, [wanted])
    return selectors.get_store_file(developer, store.pk, wanted.file_id)


@transaction.atomic
def add_batch(*, developer: Developer, store_id: UUID | None, wanted: Sequence[Wanted]) -> FileBatch:
    """The same with many files, which are told of together.

    Raises:
        NotFound, BadRequest
    """
    store = _locked(developer, store_id)
    batch = FileBatch.objects.create(developer=developer, store=store)
    _put(store, wanted, batch)
    return selectors.get_batch(developer, store.pk, batch.pk)


@transaction.atomic
def cancel_batch(*, developer: Developer, store_id: UUID | None, batch_id: UUID | None) -> FileBatch:
    """Read no more files of a batch. Those that are read stay.

    Raises:
        NotFound
    """
    batch = selectors.get_batch(developer, store_id, batch_id)
    ended = jobs.cancel(Ingestion.objects.filter(store_file__batch=batch))
    if ended:
        FileBatch.objects.filter(pk=batch.pk).update(cancelled_at=Now(), updated_at=DatabaseNow())
    told = {"batch": str(batch.pk), "files": len(ended)}
    record(developer.pk, Act(Verb.CANCEL, ObjectKind.VECTOR_STORE, batch.store_id, after=told))
    return selectors.get_batch(developer, store_id, batch_id)


@transaction.atomic
def change_attributes(
    *, developer: Developer, store_id: UUID | None, file_id: UUID | None, attributes: Mapping[str, Any]
) -> Any:
    """Give a file of a store these attributes in place of those it has.

    Raises:
        NotFound: the store has no such file.
        BadRequest: the store has expired.
    """
    store = selectors.get_store(developer, store_id)
    require_in_use(store)
    _describe(developer.pk, {_locked_file(developer, store, file_id): attributes})
    return selectors.get_store_file(developer, store_id, file_id)


def remove_file(*, developer: Developer, store_id: UUID | None, file_id: UUID | None) -> None:
    """Take a file out of a store, with what was read in it. The file stays.

    Raises:
        NotFound: the store has no such file (any more).
        ServiceUnavailable: so much was read in it that it takes more requests than this.
    """
    store = selectors.get_store(developer, store_id)
    remove_belongings(ObjectKind.VECTOR_STORE_FILE, selectors.get_store_file(developer, store.pk, file_id).pk)
    with transaction.atomic():
        row = _locked_file(developer, store, file_id)
        record(developer.pk, _act(Verb.DELETE, row, before=_facts(row)))
        _remove([row])


def note_use(store: VectorStore) -> None:
    """Write down that somebody uses a store now."""
    seen = VectorStore.objects.filter(pk=store.pk, last_active_at__lt=Now() - _USED_EVERY)
    seen.update(last_active_at=DatabaseNow())


def _locked(developer: Developer, store_id: UUID | None) -> VectorStore:
    """The store, to add files to."""
    if store_id is None:
        raise NotFound("Vector store not found")
    held = VectorStore.objects.for_developer(developer).select_for_update(no_key=True)
    store: VectorStore = get_or_not_found(held, store_id, "Vector store")
    require_in_use(store)
    VectorStore.objects.filter(pk=store.pk).update(last_active_at=DatabaseNow())
    return store


def _locked_file(developer: Developer, store: VectorStore, file_id: UUID | None) -> VectorStoreFile:
    """A file of the store, to change or remove."""
    rows = VectorStoreFile.objects.for_developer(developer).filter(store=store, file=file_id)
    row: VectorStoreFile | None = rows.select_related("file").select_for_update(of=("self",), no_key=True).first()
    if row is None:
        raise NotFound("The vector store has no such file")
    return row


def _put(store: VectorStore, wanted: Sequence[Wanted], batch: FileBatch | None = None) -> None:
    """Have these files in a store that is held."""
    files = _files(store.developer, wanted)
    there = {row.file_id: row for row in _there(store, files)}
    new: dict[File, Wanted] = {}
    kept: dict[VectorStoreFile, Mapping[str, Any]] = {}
    for each in wanted:
        row = there.get(each.file_id)
        if row is not None and row.status in _USABLE and _is_cut_so(row, each.chunking):
            kept[row] = each.attributes
        else:
            new[files[each.file_id]] = each
    _describe(store.developer_id, kept, batch)
    _remove([there[file.pk] for file in new if file.pk in there])
    if VectorStoreFile.objects.filter(store=store).count() + len(new) > MOST_FILES:
        raise BadRequest(f"A vector store takes up to {MOST_FILES} files")
    _add(store, new, batch)


def _files(developer: Developer, wanted: Sequence[Wanted]) -> Mapping[UUID | None, File]:
    """The files, which nobody removes before the transaction ends."""
    ids = {each.file_id for each in wanted}
    held = list_files(developer).select_for_update(of=("self",), no_key=True).order_by("pk")
    found: dict[UUID | None, File] = {file.pk: file for file in held.filter(pk__in=filter(None, ids))}
    if ids - found.keys():
        raise NotFound("File not found")
    return found


def _there(store: VectorStore, files: Mapping[UUID | None, File]) -> "QuerySet[Any]":
    rows = selectors.list_store_files(store.developer, store=store, file__in=list(files))
    return rows.select_related("file")


def _is_cut_so(row: Any, chunking: Chunking | None) -> bool:
    asked = (None, None) if chunking is None else (chunking.tokens, chunking.overlap)
    return (row.chunk_tokens, row.overlap_tokens) == asked


def _add(store: VectorStore, files: Mapping[File, Wanted], batch: FileBatch | None) -> None:
    """Put new files into a store, and let them be read."""
    rows = [
        VectorStoreFile(
            developer=store.developer, store=store, file=file, batch=batch, attributes=dict(wanted.attributes)
        )
        for file, wanted in files.items()
    ]
    VectorStoreFile.objects.bulk_create(rows)
    ingest_store_files(zip(rows, (wanted.chunking for wanted in files.values()), strict=True))
    record_all(store.developer_id, (_act(Verb.CREATE, row, after=_facts(row)) for row in rows))


def _describe(
    developer_id: UUID, files: Mapping[VectorStoreFile, Mapping[str, Any]], batch: FileBatch | None = None
) -> None:
    """Give files these attributes, and the docs that they were read in; of a batch that they are put into."""
    if not files:
        return
    docs = hold_in_stores([row.pk for row in files])
    acts = [_act(Verb.UPDATE, row, before={"attributes": row.attributes}) for row in files]
    of_docs: dict[UUID | None, Mapping[str, Any]] = {}
    for row, attributes in files.items():
        row.attributes, row.updated_at = dict(attributes), DatabaseNow()
        row.batch_id = row.batch_id if batch is None else batch.pk
        of_docs[row.pk] = row.attributes
    for doc in docs:
        doc.metadata, doc.updated_at = of_docs[doc.store_file_id], DatabaseNow()
    VectorStoreFile.objects.bulk_update(files, ["attributes", "batch", "updated_at"], batch_size=_AT_ONCE)
    Doc.objects.bulk_update(docs, ["metadata", "updated_at"], batch_size=_AT_ONCE)
    told = zip(acts, files.values(), strict=True)
    record_all(developer_id, (replace(act, after={"attributes": dict(after)}) for act, after in told))


def _remove(rows: Sequence[VectorStoreFile]) -> None:
    """Docs before jobs, as by whoever reads a file."""
    ids = [row.pk for row in rows]
    if ids:
        hold_in_stores(ids)
        Doc.objects.filter(store_file__in=ids).delete()
        VectorStoreFile.objects.filter(pk__in=ids).delete()


def _act(verb: Verb, row: VectorStoreFile, **told: Mapping[str, Any]) -> Act:
    return Act(verb, ObjectKind.VECTOR_STORE_FILE, row.pk, row.file.name, **told)


def _facts(row: VectorStoreFile) -> Mapping[str, Any]:
    return {"store": str(row.store_id), "file": str(row.file_id), "attributes": row.attributes}
