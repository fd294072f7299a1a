"""What has to hold of the rows of an import before they are committed: nothing of it belongs to anybody else.

The database knows that a row exists which another one names, but not whose it is.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    DateField,
    DateTimeField,
    DecimalField,
    Exists,
    F,
    Field,
    FloatField,
    Func,
    JSONField,
    Max,
    Min,
    Model,
    OuterRef,
    Q,
    Subquery,
    Sum,
    TextField,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Abs, Coalesce

from agents.models import ModelUsage
from agents.spending.models import SpendingTotal, UsageDay
from docs_store.models import Embedding, EmbeddingModel, File, FileContent
from executions.models import Blob, Execution
from executions.stored_json import REFERENCE, StoredJson
from executions.wire import overrides_to_wire
from julep_project.archive.contents import count_contents
from julep_project.archive.errors import ArchiveRefused
from julep_project.archive.tables import OF_MODEL, TABLES, Table
from tasks.models import TaskVersion
from tasks.programs.overrides import Override, override
from tasks.programs.program import Program

_REST = f"CASE WHEN jsonb_typeof(%(expressions)s) = 'object' THEN %(expressions)s - '{REFERENCE}' END"

# Upkeep adds these up, for all developers in one statement: none may be so large that the sums find no place.
_ADDED_UP: tuple[type[Model], ...] = (SpendingTotal, UsageDay, ModelUsage)
_FULL = 4


def check_rows(table: Table, developer_id: UUID, expected: int) -> None:
    """That there are so many rows of the developer, and that they name nothing of others.

    Raises:
        ArchiveRefused
    """
    rows = table.rows(developer_id)
    # Rows that hang on somebody else's are not among those of this developer.
    if rows.count() != expected or table.all_rows(developer_id).count() != expected:
        raise ArchiveRefused(f"Rows of {table.name} belong to something that is not in the archive, or have not ended")
    for each in table.references:
        own = OF_MODEL[each.related_model].all_rows(developer_id).filter(pk=OuterRef(each.attname))
        if rows.filter(~Exists(own), **{f"{each.name}__isnull": False}).exists():
            raise ArchiveRefused(f"Rows of {table.name} name something that is not in the archive: {each.attname}")


def check_values(table: Table, developer_id: UUID) -> None:
    """That moments and numbers are such as the server writes: what the database also takes (`infinity`, `NaN`) nobody
    can read or add up.

    Raises:
        ArchiveRefused
    """
    rows = table.rows(developer_id)
    odd = Q()
    for each in table.fields:
        if (bounds := _bounds(each)) is not None:
            odd |= Q(**{f"{each.attname}__lt": bounds[0]}) | Q(**{f"{each.attname}__gt": bounds[1]})
    if odd and rows.filter(odd).exists():
        raise ArchiveRefused(f"Rows of {table.name} hold moments or numbers that are none")
    if table.model not in _ADDED_UP:
        return
    most = {each.attname: _most(each) for each in table.fields if isinstance(each, DecimalField | BigIntegerField)}
    sums = rows.aggregate(**{f"{name}_sum": Sum(Abs(name)) for name in most})
    if any((sums[f"{name}_sum"] or 0) > bound / _FULL for name, bound in most.items()):
        raise ArchiveRefused(f"Rows of {table.name} hold amounts that are too large together")


def _bounds(each: "Field[Any, Any]") -> tuple[Any, Any] | None:
    """The least and the largest value that a column of this kind has; the database sorts `NaN` behind all others."""
    if isinstance(each, DateTimeField):
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    if isinstance(each, DateField):
        return date.min, date.max
    if isinstance(each, FloatField):
        return -1e300, 1e300
    return (-_most(each), _most(each)) if isinstance(each, DecimalField) else None


def _most(each: "DecimalField[Any, Any] | BigIntegerField[Any, Any]") -> Decimal:
    """What a column holds at most."""
    if isinstance(each, DecimalField):
        return Decimal(10) ** (each.max_digits - each.decimal_places)
    return Decimal(2**63)


def check_programs(developer_id: UUID) -> None:
    """That the engine can read every program.

    Raises:
        ArchiveRefused
    """
    rows = TaskVersion.objects.filter(task__developer=developer_id).values_list("pk", "program")
    for version_id, program in rows.iterator(chunk_size=50):
        try:
            Program.load(program)
        except Exception as error:
            raise ArchiveRefused(f"The program of the task version {version_id} cannot be read") from error


def check_edits(developer_id: UUID) -> None:
    """That of every run can be told what it has otherwise than its program, and that it could be done again so.

    Raises:
        ArchiveRefused
    """
    edited = Execution.objects.filter(Q(overrides__isnull=False) | Q(variant__isnull=False), developer=developer_id)
    columns = edited.values_list("pk", "overrides", "variant", "task_version__program")
    for run_id, overrides, variant, program in columns.iterator(chunk_size=50):
        try:
            override(Program.load(program), map(Override.from_json, overrides or ()))
            settings = [each.get("settings", {}) for each in overrides_to_wire(overrides)]
            told = variant or {}
            fits = isinstance(told.get("index", 0), int) and isinstance(told.get("edited", []), list)
        except Exception as error:
            raise ArchiveRefused(f"What the run {run_id} has otherwise than its program cannot be read") from error
        if not fits or not all(isinstance(each, dict) for each in settings):
            raise ArchiveRefused(f"What the run {run_id} has otherwise than its program cannot be read")


def check_vectors(developer_id: UUID) -> None:
    """That vectors have the dimensions of those of their models here.

    Raises:
        ArchiveRefused
    """
    dimensions = dict(EmbeddingModel.objects.values_list("name", "dimensions"))
    size = Func("vector", function="vector_dims", output_field=TextField())
    found = Embedding.objects.filter(developer=developer_id).order_by().values("model")
    for row in found.annotate(least=Min(size), most=Max(size)):
        if not row["least"] == row["most"] == dimensions[row["model"]]:
            raise ArchiveRefused(f"The vectors of {row['model']} have not {dimensions[row['model']]} dimensions")


def check_contents(developer_id: UUID, expected: int) -> None:
    """That files and runs have the contents they refer to, and refer to no others.

    Raises:
        ArchiveRefused
    """
    content = FileContent.objects.filter(pk=OuterRef("pk"), developer_id=developer_id)
    bare = File.objects.filter(~Exists(content), developer=developer_id)
    if bare.exists() or count_contents(developer_id) != expected:
        raise ArchiveRefused("The archive has not the contents that its files and runs refer to")
    for table in TABLES:
        for each in table.fields:
            if isinstance(each, StoredJson):
                _check_references(table, each.attname, developer_id)


def _check_references(table: Table, column: str, developer_id: UUID) -> None:
    """A reference in a row is read without asking whose the content is: one of the run's, or of those that it shares
    contents with, which are retries of one another."""
    run = table.owner.removesuffix("developer").removesuffix("__")
    at = f"{run}__" if run else ""
    sharing = Execution.objects.filter(pk=OuterRef("execution_id"), developer_id=developer_id)
    family = sharing.values_list(Coalesce("values_of", "pk"), flat=True)[:1]
    own = Blob.objects.filter(name=OuterRef("reference")).annotate(family=Subquery(family))
    own = own.filter(family=OuterRef("family"))
    rows = table.rows(developer_id).annotate(
        reference=KeyTextTransform(REFERENCE, column),
        rest=Func(F(column), template=_REST, output_field=JSONField()),
        family=Coalesce(f"{at}values_of", f"{at}pk"),
    )
    if rows.filter(~Exists(own), rest={}, **{f"{column}__has_key": REFERENCE}).exists():
        raise ArchiveRefused(f"Rows of {table.name} refer to contents that are not theirs")
