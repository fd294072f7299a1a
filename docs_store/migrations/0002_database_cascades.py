"""Deleting an agent, a user or a doc takes what belongs to it along in one statement."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database

TABLES = ["docs_store_doc", "docs_store_chunk", "docs_store_docembedding", "docs_store_embedding"]
TARGETS = [
    "agents_agent",
    "agents_user",
    "docs_store_doc",
    "docs_store_chunk",
    "docs_store_embeddingmodel",
]


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0001_docs")]

    operations = [cascade_in_database(TABLES, TARGETS)]
