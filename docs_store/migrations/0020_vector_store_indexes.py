"""The indexes of docs of vector stores, built while docs are written; they hold no others."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q

_UNIQUE = (
    "CREATE UNIQUE INDEX CONCURRENTLY {name} ON docs_store_{model} (store_file_id) WHERE store_file_id IS NOT NULL"
)


def one_of_each_file(model, name):
    """There is one row for each file of a store."""
    constraint = models.UniqueConstraint(condition=Q(("store_file__isnull", False)), fields=("store_file",), name=name)
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(_UNIQUE.format(name=name, model=model), f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        ],
        state_operations=[migrations.AddConstraint(model_name=model, constraint=constraint)],
    )


def of_store(model, name, *fields):
    index = models.Index(condition=Q(("store__isnull", False)), fields=["store", *fields], name=name)
    return AddIndexConcurrently(model, index)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("docs_store", "0019_vector_store_cascades")]

    operations = [
        one_of_each_file("doc", "doc_of_store_file"),
        one_of_each_file("ingestion", "ingestion_of_store_file"),
        of_store("doc", "doc_of_store"),
        of_store("chunk", "chunk_of_store"),
        of_store("embedding", "embedding_of_store", "model"),
        AddIndexConcurrently(
            "file",
            models.Index(condition=Q(("expires_at__isnull", False)), fields=["expires_at"], name="file_that_expires"),
        ),
        ValidateConstraint(model_name="doc", name="doc_has_one_of_three_owners"),
    ]
