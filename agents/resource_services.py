"""Writes of a resource: rows of one model, made and changed with the values of a body, each with its audit record."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import psycopg.errors
from django.db import IntegrityError, models, transaction

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import DEFAULT_PROJECT, Developer
from agents.names import generate_canonical_name
from agents.retention.belongings import remove_belongings
from agents.selectors import get_project_named
from agents.tools.presets import without_values
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.core.models import completed
from julep_project.core.tenancy import get_or_not_found

Row = TypeVar("Row", bound=models.Model)
Written = TypeVar("Written")
Values = Mapping[str, Any]


class ResourceServices(Generic[Row]):
    """Reads and writes of one model. Each is one transaction, limited to one developer.

    `fields` are what a body sets, beside the project of a row that `has_project`; a patch merges the `merged` ones and
    replaces others. Every call that names a row raises NotFound when there is none, or it is another developer's; one
    that names a project also when that does not exist. A name that is taken is an IntegrityError.
    """

    model: ClassVar[Any]
    fields: ClassVar[tuple[str, ...]]
    merged: ClassVar[tuple[str, ...]] = ("metadata",)
    has_project: ClassVar[bool] = False

    @property
    def noun(self) -> str:
        """What one row is called."""
        return str(self.model._meta.model_name)

    def rows(self, developer: Developer) -> "models.QuerySet[Row]":
        """Every row, with all that is shown of it."""
        rows: models.QuerySet[Row] = self.model.objects.for_developer(developer)
        return rows.select_related("project") if self.has_project else rows

    def get(self, developer: Developer, row_id: UUID) -> Row:
        return get_or_not_found(self.rows(developer), row_id, self._title)

    def create(self, *, developer: Developer, values: Values, row_id: UUID | None = None) -> Row:
        """Store a row; what `values` leaves out gets its default, and a canonical name is made up."""
        columns = self.columns(developer, values, whole=True)
        if "canonical_name" in self.fields:
            columns.setdefault("canonical_name", generate_canonical_name(columns["name"]))
        row = self.model(id=row_id or uuid7(), developer=developer, **columns)
        with transaction.atomic():
            self.insert(row, values)
            self._record(Verb.CREATE, row, after=self.settings_of(row))
        return self.get(developer, row.pk)

    def replace(self, *, developer: Developer, row_id: UUID, values: Values) -> Row:
        """Overwrite a row; what `values` leaves out gets its default, except that a canonical name is kept."""
        self.get(developer, row_id)
        return self._update(developer, row_id, self.columns(developer, values, whole=True))

    def patch(self, *, developer: Developer, row_id: UUID, values: Values) -> Row:
        """Change what `values` names."""
        return self._update(developer, row_id, self.columns(developer, values), merge=True)

    def create_or_replace(self, *, developer: Developer, row_id: UUID, values: Values) -> Row:
        """Overwrite the row with this id, or create it."""
        return create_or_replace(
            exists=self.rows(developer).filter(pk=row_id).exists,
            create=lambda: self.create(developer=developer, values=values, row_id=row_id),
            replace=lambda: self.replace(developer=developer, row_id=row_id, values=values),
        )

    def delete(self, *, developer: Developer, row_id: UUID) -> None:
        """Remove a row with everything that belongs to it. A ServiceUnavailable where that is so much that it takes
        more requests than this."""
        if self.model.objects.for_developer(developer).filter(pk=row_id).exists():
            remove_belongings(ObjectKind(self.noun), row_id)
        with transaction.atomic():
            row = self._locked(developer, row_id)
            self.remove(row)
            row.pk = row_id
            self._record(Verb.DELETE, row, before=self.settings_of(row))

    def columns(self, developer: Developer, values: Values, *, whole: bool = False) -> dict[str, Any]:
        """The values as the row holds them; of a `whole` body with the defaults of what it leaves out."""
        columns = completed(self.model, self.fields, values) if whole else dict(values)
        if not columns.get("canonical_name"):
            columns.pop("canonical_name", None)
        if self.has_project and (whole or "project" in values):
            columns["project"] = get_project_named(developer, values.get("project") or DEFAULT_PROJECT)
        return columns

    def insert(self, row: Row, values: Values) -> None:
        """Store a new row with what belongs to it, in a transaction."""
        row.save(force_insert=True)

    def prepare_change(self, row: Row, columns: dict[str, Any]) -> None:
        """Complete the changes of a row, which is locked, or refuse them."""

    def remove(self, row: Row) -> None:
        """Remove the row, which is locked."""
        row.delete()

    def settings_of(self, row: Row) -> dict[str, Any]:
        """What the audit log keeps of a row: what a body sets, without what is secret in it."""
        found = {name: getattr(row, name) for name in self.fields}
        if found.get("metadata"):
            found["metadata"] = without_values(found["metadata"])
        return {**found, "project": str(getattr(row, "project_id", ""))} if self.has_project else found

    def _record(self, verb: Verb, row: Any, **settings: Any) -> None:
        name = getattr(row, "name", "")
        record(row.developer_id, Act(verb, ObjectKind(self.noun), row.pk, name, **settings))

    def _update(self, developer: Developer, row_id: UUID, columns: dict[str, Any], *, merge: bool = False) -> Row:
        with transaction.atomic():
            row = self._locked(developer, row_id, no_key=True)
            before = self.settings_of(row)
            for name in columns.keys() & self.merged if merge else ():
                columns[name] = {**(getattr(row, name) or {}), **columns[name]}
            self.prepare_change(row, columns)
            self.model.objects.filter(pk=row_id).update(updated_at=DatabaseNow(), **columns)
            for name, value in columns.items():
                setattr(row, name, value)
            self._record(Verb.UPDATE, row, before=before, after=self.settings_of(row))
            return self.get(developer, row_id)

    def _locked(self, developer: Developer, row_id: UUID, *, no_key: bool = False) -> Row:
        """The row, held until the transaction ends; unless `no_key`, none can begin to refer to it meanwhile."""
        rows: models.QuerySet[Row] = self.model.objects.for_developer(developer).select_for_update(no_key=no_key)
        return get_or_not_found(rows, row_id, self._title)

    @property
    def _title(self) -> str:
        return self.noun.replace("_", " ").capitalize()


def create_or_replace(
    *, exists: Callable[[], bool], create: Callable[[], Written], replace: Callable[[], Written]
) -> Written:
    """Replace what is there, else create it; a row that appears in between is replaced.

    When the id is in use but not visible to the developer, `replace` says that it is not found.
    """
    if exists():
        return replace()
    try:
        return create()
    except IntegrityError as error:
        if not _is_primary_key_taken(error):
            raise
    return replace()


def _is_primary_key_taken(error: IntegrityError) -> bool:
    cause = error.__cause__
    return isinstance(cause, psycopg.errors.UniqueViolation) and (cause.diag.constraint_name or "").endswith("_pkey")
