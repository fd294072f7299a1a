"""A fence of its own for claims on docs, and an index on those whose vectors failed."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0003_files")]

    operations = [
        migrations.AddField("docembedding", "version", models.PositiveIntegerField(default=0, db_default=0)),
        migrations.AlterField(
            "docembedding",
            "attempts",
            models.PositiveSmallIntegerField(default=0, help_text="claims since vectors were last stored"),
        ),
        migrations.AddIndex(
            "docembedding",
            models.Index(fields=["due_at"], name="doc_embedding_failed", condition=Q(state="failed")),
        ),
    ]
