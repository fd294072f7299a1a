"""Puts the rows of an archive into their tables, some at a time."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, ProgrammingError, connection
from psycopg.errors import UniqueViolation

from agents.models import Developer
from julep_project.archive.errors import ArchiveRefused, RowsTaken
from julep_project.archive.manifest import Manifest
from julep_project.archive.members import Member
from julep_project.archive.tables import TABLES, Place, Table
from julep_project.core.database import execute

_BATCH_ROWS, _BATCH_BYTES = 1000, 1024 * 1024
_INSERT = "INSERT INTO {table} ({columns}) SELECT {values} FROM {source} AS r {join}"
_JOIN = "JOIN {table} AS named ON named.{within} = r.{within} AND named.{place} = r.{column}"
_REPLACE = "UPDATE {table} SET {changes} FROM {source} AS r WHERE {table}.id = %(developer)s"
_SOURCE = "json_populate_recordset(NULL::{table}, %(rows)s::json)"

Report = Callable[[str, int, int], object]


class Loading:
    """Writes rows of one developer in one transaction. `models` are the embedding models whose vectors are taken.

    Foreign keys are looked at statement by statement, so that the database keeps no list of them; where rows of a
    table name each other, at its end.
    """

    def __init__(self, manifest: Manifest, developer_id: UUID, *, models: Collection[str], report: Report) -> None:
        self._manifest = manifest
        self._developer_id = developer_id
        # What rows name may be no text, which is compared but in no set.
        self._models = tuple(models)
        self._report = report
        self._tables = iter(TABLES)
        self._table: Table | None = None
        # Rows read, and those of them that were written, by table.
        self.read = dict.fromkeys(manifest.tables, 0)
        self.written = dict.fromkeys(manifest.tables, 0)
        self._replaces = Developer.objects.filter(pk=developer_id).exists()

    def load(self, name: str, member: Member) -> None:
        """Write the rows of one member, which belong to the table of this name.

        Raises:
            ArchiveRefused, RowsTaken
        """
        table = self._turn_to(name)
        for rows in self._batches(table, member):
            self._write(table, rows)
            self._report(name, self.read[name], self._manifest.tables[name].rows)

    def end(self) -> None:
        """Write down what is not yet.

        Raises:
            ArchiveRefused: there were not as many rows as the archive says.
        """
        self._check_references()
        for name, part in self._manifest.tables.items():
            if self.read[name] != part.rows:
                raise ArchiveRefused(f"The archive has {self.read[name]} rows of {name} instead of {part.rows}")

    def _turn_to(self, name: str) -> Table:
        """The table, which comes behind those before it."""
        if self._table is None or self._table.name != name:
            self._check_references()
            self._table = next((table for table in self._tables if table.name == name), None)
            if self._table is None:
                raise ArchiveRefused(f"The archive has rows of {name} where there are none")
            execute(f"SET CONSTRAINTS ALL {'DEFERRED' if self._table.refers_to_itself else 'IMMEDIATE'}")
        return self._table

    def _check_references(self) -> None:
        with _told(self._table.name if self._table else ""):
            execute("SET CONSTRAINTS ALL IMMEDIATE")

    def _batches(self, table: Table, member: Member) -> Iterator[list[str]]:
        rows: list[str] = []
        size = 0
        columns = self._manifest.tables[table.name].columns
        for line in member.lines():
            self.read[table.name] += 1
            text, row = _read_row(table.name, line, columns)
            if not table.of_model or row[table.of_model] in self._models:
                rows.append(text)
                size += len(text)
            if len(rows) >= _BATCH_ROWS or size >= _BATCH_BYTES:
                yield rows
                rows, size = [], 0
        yield rows

    def _write(self, table: Table, rows: list[str]) -> None:
        if not rows:
            return
        columns = self._manifest.tables[table.name].columns
        given = {"rows": f"[{','.join(rows)}]", "developer": self._developer_id}
        replaces = self._replaces and table.model is Developer
        with _told(table.name):
            written = execute(_replacing(table, columns) if replaces else _inserting(table, columns), given)
        if written != len(rows):
            raise ArchiveRefused(f"Rows of {table.name} do not belong to anything in the archive")
        self.written[table.name] += written


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Says what is wrong with the rows of this table when the database does not take them."""
    try:
        yield
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        constraint = diagnosis.constraint_name or diagnosis.column_name if diagnosis else None
        if isinstance(error.__cause__, UniqueViolation):
            raise RowsTaken(f"Rows of {name} have ids or names that are taken already ({constraint})") from error
        raise ArchiveRefused(f"Rows of {name} do not fit together ({constraint})") from error
    except (DataError, ProgrammingError) as error:
        raise ArchiveRefused(f"Rows of {name} hold what cannot be stored there") from error


def read_names(name: str, member: Member, manifest: Manifest) -> Iterator[Mapping[str, Any]]:
    """What a member tells of rows that are not in the archive.

    Raises:
        ArchiveRefused
    """
    for line in member.lines():
        yield _read_row(name, line, manifest.named[name].columns)[1]


def _read_row(name: str, line: bytes, columns: list[str]) -> tuple[str, Mapping[str, Any]]:
    """The text of a row, and what it says. Numbers stay texts: it is the database that reads them."""
    try:
        text = line.decode()
        row = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ArchiveRefused(f"A row of {name} is not JSON") from error
    if not isinstance(row, dict) or list(row) != columns:
        raise ArchiveRefused(f"A row of {name} has not the columns that the archive names")
    return text, row


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _inserting(table: Table, columns: list[str]) -> str:
    values = {column: _value(table, column) for column in columns}
    if table.model is Developer:
        values["id"] = "%(developer)s"
    elif any(each.name == "developer" for each in table.model._meta.concrete_fields):
        values["developer_id"] = "%(developer)s"
    return _INSERT.format(
        table=table.name,
        columns=", ".join(map(_quoted, values)),
        values=", ".join(values.values()),
        source=_SOURCE.format(table=table.name),
        join="" if table.by_place is None else _joining(table.by_place),
    )


def _joining(named: Place) -> str:
    column, place = _quoted(named.column), _quoted(named.place)
    return _JOIN.format(table=named.model._meta.db_table, within=named.within, place=place, column=column)


def _replacing(table: Table, columns: list[str]) -> str:
    changes = ", ".join(f"{_quoted(column)} = {_value(table, column)}" for column in columns)
    return _REPLACE.format(table=table.name, changes=changes, source=_SOURCE.format(table=table.name))


def _value(table: Table, column: str) -> str:
    if table.by_place is not None and column == table.by_place.column:
        return "named.id"
    if column in table.whole_values:
        return f"coalesce(r.{_quoted(column)}, 'null')"
    return f"r.{_quoted(column)}"


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
