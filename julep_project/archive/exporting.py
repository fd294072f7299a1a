"""Writes an archive of a developer from one snapshot of the database: all of it is as it was at one moment.

Rows go from the database into the file one by one, contents of the file storage bit by bit.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import QuerySet
from psycopg import IsolationLevel

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer, Tool
from agents.securing import keys_in
from agents.tool_definitions import tool_to_wire
from docs_store.models import Embedding, EmbeddingModel
from julep_project.archive import contents
from julep_project.archive.errors import ArchiveRefused, WorkUnderWay
from julep_project.archive.manifest import Manifest, Part
from julep_project.archive.members import LARGEST_ROW, MANIFEST, Writer
from julep_project.archive.tables import AT_WORK, NAMED, TABLES
from julep_project.core.clock import to_wire
from julep_project.core.database import fetch
from julep_project.core.process.release import read_release
from julep_project.core.rates.models import TenantRates
from julep_project.core.tenancy import tenant_scope
from tasks.models import TaskVersion

ROWS, NAMES = "rows", "names"
# How much of a table is one member.
_PART_BYTES = 8 * 1024 * 1024
_AS_JSON = "COPY (SELECT row_to_json(archived_row) FROM ({rows}) AS archived_row({columns})) TO STDOUT"

Report = Callable[[str, int, int], object]


@dataclass(slots=True)
class Exported:
    """What came of it. `missing` are contents that the storage does not have, `keys` those in definitions of tools."""

    manifest: Manifest
    missing: list[str] = field(default_factory=list)
    keys: int = 0
    has_rates: bool = False


def export_developer(
    developer: Developer, path: Path | None, *, leave_out: bool = False, report: Report = lambda *_: None
) -> Exported:
    """Write the archive; without a path only say what would be in it. `report` hears the name of what is written, how
    much of it is, and how much there is in all.

    Raises:
        WorkUnderWay: something has not ended, and is not to be left out.
        StorageUnavailable, ArchiveRefused, OSError
    """
    archive = str(uuid4())
    with tenant_scope(developer.pk):
        if not leave_out:
            _require_ended(_at_work(developer.pk))
        if path is not None:
            # Before it begins, so that no export is without its record.
            record(developer.pk, Act(Verb.EXPORT, ObjectKind.DEVELOPER, developer.pk, after={"archive": archive}))
        with _snapshot():
            exported = Exported(_manifest(developer.pk, archive))
            if not leave_out:
                _require_ended(exported.manifest.left_out)
            exported.keys = _count_keys(developer)
            exported.has_rates = TenantRates.objects.for_developer(developer).exists()
            if path is not None:
                with Writer(path) as writer:
                    _write(writer, exported, report)
    return exported


@contextmanager
def _snapshot() -> Iterator[None]:
    """A transaction in which every statement sees what the first one saw, and none writes."""
    connection.ensure_connection()
    raw: Any = connection.connection
    raw.isolation_level, raw.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with transaction.atomic():
            yield
    finally:
        if not raw.closed:
            raw.isolation_level = raw.read_only = None


def _manifest(developer_id: UUID, archive: str) -> Manifest:
    vectors = Embedding.objects.filter(developer=developer_id).values("model").distinct()
    known = EmbeddingModel.objects.filter(name__in=vectors).values_list("name", "dimensions")
    [(now,)] = fetch("SELECT now()")
    return Manifest(
        archive=archive,
        developer=str(developer_id),
        made_at=to_wire(now),
        release=read_release(),
        tables={table.name: Part(table.columns, table.rows(developer_id).count()) for table in TABLES},
        named={
            model._meta.db_table: Part(list(columns), model._base_manager.filter(developer=developer_id).count())
            for model, columns in NAMED.items()
        },
        contents=contents.count_contents(developer_id),
        vectors={name: dimensions for name, dimensions in known if dimensions is not None},
        left_out=_at_work(developer_id),
    )


def _at_work(developer_id: UUID) -> dict[str, int]:
    """How much has not ended, by what it is."""
    return {
        name: table.all_rows(developer_id).count() - table.rows(developer_id).count() for name, table in AT_WORK.items()
    }


def _require_ended(at_work: dict[str, int]) -> None:
    if told := " and ".join(f"{count} {name}" for name, count in at_work.items() if count):
        raise WorkUnderWay(f"{told} have not ended: let them end or cancel them, or leave them out of the archive")


def _write(writer: Writer, exported: Exported, report: Report) -> None:
    manifest = exported.manifest
    writer.add_json(MANIFEST, manifest.to_json())
    with closing(contents.list_contents(manifest.developer_id)) as found:
        for number, content in enumerate(found, 1):
            if not contents.add_content(writer, content):
                exported.missing.append(content.name)
            report("contents", number, manifest.contents)
    for model, columns in NAMED.items():
        name = model._meta.db_table
        rows = model._base_manager.filter(developer=manifest.developer_id).order_by("pk").values_list(*columns)
        _write_rows(writer, f"{NAMES}/{name}", _texts(rows, columns), manifest.named[name].rows, report)
    for table in TABLES:
        rows = table.values(manifest.developer_id)
        _write_rows(
            writer, f"{ROWS}/{table.name}", _texts(rows, table.columns), manifest.tables[table.name].rows, report
        )


def _texts(rows: "QuerySet[Any, Any]", columns: Iterable[str]) -> Generator[bytes, None, None]:
    """Each row as JSON text, as the database writes it: so every number and moment is what it was."""
    sql, parameters = rows.query.sql_with_params()
    named = ", ".join(connection.ops.quote_name(column) for column in columns)
    with connection.cursor() as cursor, cursor.copy(_AS_JSON.format(rows=sql, columns=named), parameters) as copy:
        for (text,) in copy.rows():
            yield text.encode()


def _write_rows(writer: Writer, name: str, rows: Generator[bytes, None, None], total: int, report: Report) -> None:
    """The rows of a table, in as many members as they need."""
    count = number = 0
    with closing(rows):
        while True:
            with SpooledTemporaryFile(max_size=2 * _PART_BYTES) as part:
                for row in rows:
                    if len(row) > LARGEST_ROW:
                        raise ArchiveRefused(f"A row of {name} has {len(row)} bytes: more than an archive may have")
                    part.write(row + b"\n")
                    count += 1
                    if part.tell() >= _PART_BYTES:
                        break
                size = part.tell()
                if not size:
                    break
                number += 1
                part.seek(0)
                writer.add(f"{name}/{number:06}.jsonl", part, size)
                report(name, count, total)


def _count_keys(developer: Developer) -> int:
    """How many keys stand in definitions of tools, which are moved as they are."""
    tools = Tool.objects.for_developer(developer).iterator()
    versions = TaskVersion.objects.filter(task__developer=developer).values_list("tools", flat=True).iterator()
    own = sum(len(keys_in(tool_to_wire(tool)).keys) for tool in tools)
    return own + sum(len(keys_in(tool).keys) for tools_ in versions for tool in tools_)
