"""Every tenant row has a `developer`; every query starts from `for_developer`."""

from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import models

from julep_project.core.errors import NotFound

Row = TypeVar("Row", bound=models.Model)


class TenantQuerySet(models.QuerySet[Any]):
    """Rows of one developer at a time."""

    def for_developer(self, developer: models.Model) -> Self:
        return self.filter(developer=developer)


TenantManager = models.Manager.from_queryset(TenantQuerySet)


def get_or_not_found(rows: "models.QuerySet[Row]", row_id: UUID, resource: str) -> Row:
    """The row with this id.

    A row of another developer is not in `rows`, so it looks exactly like one that does not exist.

    Raises:
        NotFound: `<Resource> not found`.
    """
    row = rows.filter(pk=row_id).first()
    if row is None:
        raise NotFound(f"{resource} not found")
    return row
