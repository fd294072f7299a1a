"""A job stays when its doc is removed, and names none then."""

from django.db import migrations

from julep_project.core.cascades import null_in_database


class Migration(migrations.Migration):
    dependencies = [("docs_store", "0013_ingestion")]

    operations = [null_in_database("docs_store_ingestion", "docs_store_doc")]
