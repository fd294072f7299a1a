"""Vector stores: files that are searched together, each of them read into a doc.

Columns of tables that may be large are added without a look at their rows: none of them names anything yet.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q

import julep_project.core.clock
import julep_project.core.ids

_REFERENCE = """
    ALTER TABLE {table} ADD COLUMN {column} uuid NULL
    CONSTRAINT {name} REFERENCES {target} (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
"""


def reference(model, name, target, related_name):
    """A column that names a row of the target, with which its rows go."""
    table, column = f"docs_store_{model}", f"{name}_id"
    sql = _REFERENCE.format(
        table=table, column=column, name=f"{table}_{column}_fk", target=f"docs_store_{target.lower()}"
    )
    field = models.ForeignKey(
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name=related_name,
        to=f"docs_store.{target.lower()}",
    )
    return migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunSQL(sql, f"ALTER TABLE {table} DROP COLUMN {column}")],
        state_operations=[migrations.AddField(model_name=model, name=name, field=field)],
    )


def copied(model):
    """A column of a part of a doc that repeats one of the doc."""
    field = models.ForeignKey(
        db_constraint=False,
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name="+",
        to="docs_store.vectorstore",
    )
    return migrations.AddField(model_name=model, name="store", field=field)


def resource(*fields):
    """The fields of a new table."""
    key = models.UUIDField(default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False)
    at = {"db_default": julep_project.core.clock.DatabaseNow(), "editable": False}
    owner = models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.developer")
    return [
        ("id", key),
        ("created_at", models.DateTimeField(**at)),
        ("updated_at", models.DateTimeField(**at)),
        *fields,
        ("developer", owner),
    ]


def named(to, related_name, **options):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.DO_NOTHING, related_name=related_name, to=f"docs_store.{to}", **options
    )


# A worker of the version before does not know the column.
_FILL_IN = """
    CREATE FUNCTION docs_store_store_of_doc() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT store_id INTO NEW.store_id FROM docs_store_doc WHERE id = NEW.doc_id;
        RETURN NEW;
    END $$;
    CREATE TRIGGER docs_store_store_of_doc BEFORE INSERT ON docs_store_chunk FOR EACH ROW
    WHEN (NEW.agent_id IS NULL AND NEW.user_id IS NULL AND NEW.store_id IS NULL)
    EXECUTE FUNCTION docs_store_store_of_doc();
    CREATE TRIGGER docs_store_store_of_doc BEFORE INSERT ON docs_store_embedding FOR EACH ROW
    WHEN (NEW.agent_id IS NULL AND NEW.user_id IS NULL AND NEW.store_id IS NULL)
    EXECUTE FUNCTION docs_store_store_of_doc();
"""
_LEAVE_OUT = """
    DROP TRIGGER docs_store_store_of_doc ON docs_store_embedding;
    DROP TRIGGER docs_store_store_of_doc ON docs_store_chunk;
    DROP FUNCTION docs_store_store_of_doc();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0005_metadata_indexes"),
        ("docs_store", "0017_autovacuum"),
    ]

    operations = [
        migrations.AlterField(model_name="file", name="name", field=models.CharField(max_length=255)),
        migrations.AddField(
            model_name="file",
            name="purpose",
            field=models.CharField(
                db_default="user_data",
                default="user_data",
                help_text="what the client means to do with it",
                max_length=32,
            ),
        ),
        migrations.AddField(model_name="file", name="expires_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.CreateModel(
            name="VectorStore",
            fields=resource(
                ("name", models.CharField(blank=True, default="", max_length=256)),
                ("description", models.TextField(blank=True, default="")),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("expires_after_days", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("last_active_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow())),
            ),
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
                "indexes": [
                    models.Index(fields=["developer", "-created_at", "-id"], name="vector_store_of_developer"),
                    models.Index(
                        condition=Q(("expires_after_days__isnull", False)),
                        fields=["last_active_at"],
                        name="vector_store_that_expires",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FileBatch",
            fields=resource(
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                ("store", named("vectorstore", "batches")),
            ),
            options={"ordering": ("-created_at", "-id"), "abstract": False},
        ),
        migrations.CreateModel(
            name="VectorStoreFile",
            fields=resource(
                ("attributes", models.JSONField(blank=True, default=dict)),
                ("batch", named("filebatch", "files", blank=True, null=True)),
                ("file", named("file", "stores")),
                ("store", named("vectorstore", "files", db_index=False)),
            ),
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
                "indexes": [models.Index(fields=["store", "-created_at", "-id"], name="vector_store_file_of_store")],
                "constraints": [models.UniqueConstraint(fields=("store", "file"), name="vector_store_has_a_file_once")],
            },
        ),
        # Docs come before jobs: in this order rows that go together are locked.
        reference("doc", "store", "VectorStore", "docs"),
        reference("doc", "store_file", "VectorStoreFile", "docs"),
        reference("ingestion", "store_file", "VectorStoreFile", "jobs"),
        copied("chunk"),
        copied("embedding"),
        migrations.RunSQL(_FILL_IN, _LEAVE_OUT),
        migrations.AddField(
            model_name="ingestion",
            name="chunk_tokens",
            field=models.PositiveSmallIntegerField(help_text="of the longest chunk", null=True),
        ),
        migrations.AddField(
            model_name="ingestion",
            name="overlap_tokens",
            field=models.PositiveSmallIntegerField(help_text="of a chunk that the next one repeats", null=True),
        ),
        migrations.RemoveConstraint(model_name="doc", name="doc_has_one_owner"),
        AddConstraintNotValid(
            model_name="doc",
            constraint=models.CheckConstraint(
                condition=Q(("agent__isnull", False), ("store__isnull", True), ("user__isnull", True))
                | Q(("agent__isnull", True), ("store__isnull", True), ("user__isnull", False))
                | Q(("agent__isnull", True), ("store__isnull", False), ("user__isnull", True)),
                name="doc_has_one_of_three_owners",
            ),
        ),
    ]
