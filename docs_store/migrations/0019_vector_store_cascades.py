"""Deleting a vector store or a file takes what belongs to it along; a batch leaves its files where they are."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database, null_in_database

TABLES = ["docs_store_filebatch", "docs_store_vectorstorefile"]
TARGETS = ["docs_store_vectorstore", "docs_store_file"]


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0018_vector_stores")]

    operations = [
        cascade_in_database(TABLES, TARGETS),
        null_in_database("docs_store_vectorstorefile", "docs_store_filebatch"),
    ]
