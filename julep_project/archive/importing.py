"""Reads an archive into the database, all of it or nothing.

First it is read through: nothing is written of one that is damaged. Then contents are stored, which no row refers to
yet, and all rows are written by one transaction. If that fails the contents are taken back; if the process is lost
before, upkeep removes them, and another attempt writes over them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction

from agents.audit.models import AuditRecord
from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.llm.own.hashing import DIMENSIONS, HASHING
from agents.models import DEFAULT_PROJECT, Developer, Project
from docs_store.model_coverage import cover_docs_of, register_model
from docs_store.models import EmbeddingModel
from julep_project.archive import verification
from julep_project.archive.contents import MISSING, THERE, Storing, storing
from julep_project.archive.errors import ArchiveRefused, RowsTaken
from julep_project.archive.exporting import NAMES, ROWS, Report
from julep_project.archive.loading import Loading, read_names
from julep_project.archive.manifest import Manifest
from julep_project.archive.members import MANIFEST, Member, read_members
from julep_project.archive.tables import NAMED, TABLES
from julep_project.core.database import execute, fetch
from julep_project.core.tenancy import system_scope

# Of a developer that is there already, these may be, beside what no archive has.
_MAY_BE_THERE = (Developer, Project, AuditRecord)

_IMPORT_LOCK = 0x696D7074
# What the database stores of a vector.
_MOST_DIMENSIONS = 16_000

Named = Callable[[str, Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Importing:
    """How to import: the developer that all is to belong to, whether only to try, and how large an archive may be."""

    developer_id: UUID | None = None
    only_try: bool = False
    most_bytes: int = 100 * 1024**3


@dataclass(slots=True)
class Imported:
    """What came of it. `embedded_anew` are models whose vectors were left in the archive."""

    manifest: Manifest
    developer_id: UUID
    written: dict[str, int] = field(default_factory=dict)
    embedded_anew: list[str] = field(default_factory=list)


def import_developer(
    path: Path, how: Importing, *, report: Report = lambda *_: None, named: Named = lambda *_: None
) -> Imported:
    """Import an archive. `named` hears of what has to be made anew: of which table, and what is known of it.

    Raises:
        ArchiveRefused, RowsTaken, StorageUnavailable, OSError: nothing of it is there.
    """
    with path.open("rb") as file, system_scope(), _alone():
        manifest = _read_through(file, how.most_bytes)
        imported = Imported(manifest, how.developer_id or manifest.developer_id)
        _require_room(imported.developer_id)
        with storing(imported.developer_id) as stored:
            members = read_members(file, most_bytes=how.most_bytes)
            next(members)
            first = _store_contents(members, None if how.only_try else stored, report, manifest.contents)
            register_model(settings.EMBEDDING_MODEL)
            with transaction.atomic():
                _make_room(imported.developer_id)
                records = AuditRecord.objects.filter(developer=imported.developer_id).count()
                _write_rows(chain([first], members), imported, report, named)
                _verify(imported, records, None if how.only_try else manifest.contents)
                cover_docs_of(imported.developer_id)
                record(imported.developer_id, _act(imported))
                transaction.set_rollback(how.only_try)
    return imported


def _read_through(file: IO[bytes], most_bytes: int) -> Manifest:
    """What the archive says of itself, once all of it was read and nothing is wrong with the file."""
    members = read_members(file, most_bytes=most_bytes)
    first = next(members, None)
    if first is None or first.name != MANIFEST:
        raise ArchiveRefused("This is not an archive of a developer")
    manifest = Manifest.read(first.json())
    _require_known(manifest)
    for _ in members:
        """Only the file is looked at."""
    return manifest


def _require_known(manifest: Manifest) -> None:
    """That there are such tables and columns here, and that none has to be guessed."""
    known = {table.name: table for table in TABLES}
    if manifest.tables.keys() != known.keys():
        names = ", ".join(sorted(manifest.tables.keys() ^ known.keys()))
        raise ArchiveRefused(f"The archive has other tables than this release: {names}")
    for name, part in manifest.tables.items():
        table, given = known[name], set(part.columns)
        wrong = (given - set(table.columns)) | (set(table.columns) - given - table.may_lack)
        if wrong or len(given) < len(part.columns):
            raise ArchiveRefused(f"The archive has other columns of {name}: {', '.join(sorted(wrong))}")
    if not manifest.named.keys() <= {model._meta.db_table for model in NAMED}:
        raise ArchiveRefused("The archive names what this release does not know")


def _require_room(developer_id: UUID) -> None:
    """That the developer has nothing yet.

    Raises:
        RowsTaken
    """
    for table in TABLES:
        if table.model not in _MAY_BE_THERE and table.all_rows(developer_id).exists():
            raise RowsTaken(f"The developer {developer_id} is there already, with rows of {table.name}")
    projects = Project.objects.filter(developer=developer_id)
    if projects.exclude(canonical_name=DEFAULT_PROJECT).exists():
        raise RowsTaken(f"The developer {developer_id} is there already, with projects")


def _act(imported: Imported) -> Act:
    manifest = imported.manifest
    after = {"archive": manifest.archive, "developer": manifest.developer, "made_at": manifest.made_at}
    return Act(Verb.IMPORT, ObjectKind.DEVELOPER, imported.developer_id, after=after)


def _store_contents(members: Iterator[Member], stored: Storing | None, report: Report, total: int) -> Member:
    """Store the contents, with which the archive begins; the first member that is none."""
    for member in members:
        if member.name.partition("/")[0] not in (THERE, MISSING):
            return member
        if stored is not None:
            stored.store(member)
            report(THERE, stored.count, total)
    raise ArchiveRefused("The archive has no rows")


def _write_rows(members: Iterator[Member], imported: Imported, report: Report, named: Named) -> None:
    """Write all rows, as told by the members behind the contents."""
    manifest, developer_id = imported.manifest, imported.developer_id
    models = _usable_models(manifest)
    loading = Loading(manifest, developer_id, models=models, report=report)
    for member in members:
        kind, _, rest = member.name.partition("/")
        name = rest.partition("/")[0]
        if kind == ROWS:
            loading.load(name, member)
        elif kind == NAMES and name in manifest.named:
            for row in read_names(name, member, manifest):
                named(name, row)
        else:
            raise ArchiveRefused(f"The archive has a member that does not belong there: {member.name}")
    loading.end()
    imported.written = loading.written
    imported.embedded_anew = sorted(manifest.vectors.keys() - models)
    for model in models:
        EmbeddingModel.objects.filter(name=model, dimensions=None).update(dimensions=manifest.vectors[model])


def _verify(imported: Imported, records: int, contents: int | None) -> None:
    """`records` of the audit log were there before; `contents` should be there, where any were stored."""
    developer_id = imported.developer_id
    for table in TABLES:
        there = records if table.model is AuditRecord else 0
        verification.check_rows(table, developer_id, imported.written[table.name] + there)
        verification.check_values(table, developer_id)
    verification.check_programs(developer_id)
    verification.check_edits(developer_id)
    verification.check_vectors(developer_id)
    if contents is not None:
        verification.check_contents(developer_id, contents)


def _make_room(developer_id: UUID) -> None:
    """Let nobody else write anything of the developer until the end, and take away the project it began with.

    Raises:
        RowsTaken: somebody has written something by now.
    """
    if Developer.objects.select_for_update().filter(pk=developer_id).first() is not None:
        _require_room(developer_id)
        Project.objects.filter(developer=developer_id).delete()


def _usable_models(manifest: Manifest) -> set[str]:
    """The models whose vectors docs have here, and of which those in the archive can be."""
    here = EmbeddingModel.objects.filter(name__in=manifest.vectors).values_list("name", "dimensions")
    return {name for name, known in here if _fits(manifest.vectors[name], name, known)}


def _fits(dimensions: int, model: str, known: int | None) -> bool:
    """Whether vectors of the archive can stand beside those that there are of the model, or are to come, of any
    developer."""
    if model == HASHING:
        known = DIMENSIONS
    return dimensions == known if known is not None else dimensions <= _MOST_DIMENSIONS


@contextmanager
def _alone() -> Iterator[None]:
    """The only import: what another one has stored looks like left over from one that was lost, until it ends.

    Raises:
        RowsTaken: it is not.
    """
    [(is_alone,)] = fetch("SELECT pg_try_advisory_lock(%s)", [_IMPORT_LOCK])
    if not is_alone:
        raise RowsTaken("Another import is under way")
    try:
        yield
    finally:
        # With its connection the lock is gone.
        with suppress(DatabaseError):
            execute("SELECT pg_advisory_unlock(%s)", [_IMPORT_LOCK])
