"""The index by which chunks whose words are to be stored anew are found, built while chunks are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("docs_store", "0011_search_version")]

    operations = [
        AddIndexConcurrently(
            "chunk", models.Index(fields=["id"], name="chunk_of_old_words", condition=Q(search_version=0))
        ),
    ]
