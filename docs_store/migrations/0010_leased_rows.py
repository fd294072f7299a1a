"""Rows of embeddings have what all leased rows have; nothing changes in the database."""

import julep_project.core.clock
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("docs_store", "0009_embedding_turns"),
    ]

    operations = [
        migrations.AlterField(
            model_name="docembedding",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count"),
        ),
        migrations.AlterField(
            model_name="docembedding",
            name="due_at",
            field=models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False),
        ),
        migrations.AlterField(
            model_name="docembedding",
            name="lease_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="docembedding",
            name="rung_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="docembedding",
            name="version",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
