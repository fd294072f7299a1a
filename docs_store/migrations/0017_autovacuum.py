"""The queue of docs that wait for vectors is vacuumed and analysed early."""

from django.db import migrations

from julep_project.core.autovacuum import CHANGED, look_after


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0016_doc_of_developer")]

    operations = [look_after(["docs_store_docembedding"], CHANGED)]
