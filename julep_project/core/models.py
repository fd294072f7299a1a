"""What every stored resource has."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower

from julep_project.core.clock import DatabaseNow, to_wire
from julep_project.core.ids import uuid7


class Resource(models.Model):
    """A row with a time-ordered id and two timestamps, equal when the row is new.

    Whoever changes a row sets `updated_at=DatabaseNow()` in the same statement.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        abstract = True
        ordering = ("-created_at", "-id")


def completed(model: type[models.Model], names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the values say of these fields; what they leave out gets the model's default."""
    bare = model()
    return {name: values[name] if name in values else getattr(bare, name) for name in names}


def row_to_wire(row: Resource, *names: str) -> dict[str, Any]:
    """What the API tells of every resource, and the values of these of its fields as they are stored."""
    stamps = {"created_at": to_wire(row.created_at), "updated_at": to_wire(row.updated_at)}
    return {"id": str(row.pk), **stamps, **{name: getattr(row, name) for name in names}}


def canonical_name_unique(noun: str) -> models.UniqueConstraint:
    """What keeps canonical names of one developer apart, compared without case. `noun` has its article: `a task`."""
    return models.UniqueConstraint(
        "developer",
        Lower("canonical_name"),
        name=f"{noun.split()[-1]}_canonical_name_unique",
        violation_error_message=f"{noun.capitalize()} with this canonical name already exists",
    )


def metadata_index(name: str) -> GinIndex:
    """What finds the rows whose metadata contain what a filter asks for."""
    return GinIndex(fields=["metadata"], name=name, opclasses=["jsonb_path_ops"])
