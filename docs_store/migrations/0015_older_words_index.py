"""The index by which chunks are found whose words are to be stored anew once more, built while chunks are written."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("docs_store", "0014_ingestions_outlive_docs")]

    operations = [
        AddIndexConcurrently(
            "chunk", models.Index(fields=["id"], name="chunk_of_older_words", condition=Q(search_version__lt=2))
        ),
        RemoveIndexConcurrently("chunk", "chunk_of_old_words"),
    ]
