"""Fills in whose docs wait, and indexes it, while docs are stored and embedded."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

_AT_ONCE = 10_000


def fill_in(apps: Any, schema_editor: Any) -> None:
    """Some rows at a time; goes on where it was interrupted."""
    with schema_editor.connection.cursor() as cursor:
        last = 0
        while last is not None:
            cursor.execute(
                """
                WITH batch AS (
                    SELECT e.id, d.developer_id FROM docs_store_docembedding e JOIN docs_store_doc d ON d.id = e.doc_id
                    WHERE e.id > %s AND e.developer_id IS NULL ORDER BY e.id LIMIT %s
                ), filled AS (
                    UPDATE docs_store_docembedding e SET developer_id = batch.developer_id FROM batch WHERE e.id = batch.id
                    RETURNING e.id
                )
                SELECT max(id) FROM filled
                """,
                [last, _AT_ONCE],
            )
            (last,) = cursor.fetchone()


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("docs_store", "0008_embedding_tenants")]

    operations = [
        migrations.RunPython(fill_in, migrations.RunPython.noop),
        AddIndexConcurrently(
            "docembedding",
            models.Index(fields=["developer", "due_at"], name="doc_embedding_of_tenant", condition=Q(state="pending")),
        ),
        AddIndexConcurrently(
            "docembedding",
            models.Index(
                fields=["developer", "model", "due_at"],
                name="doc_embedding_untried",
                condition=Q(state="pending", attempts=0),
            ),
        ),
        AddIndexConcurrently(
            "docembedding",
            models.Index(fields=["developer"], name="doc_embedding_leading", condition=Q(leads=True)),
        ),
    ]
