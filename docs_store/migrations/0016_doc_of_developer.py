"""The index by which retention finds the docs of a developer that are too old, built while docs are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("docs_store", "0015_older_words_index")]

    operations = [
        AddIndexConcurrently("doc", models.Index(fields=["developer", "-created_at", "-id"], name="doc_of_developer")),
    ]
