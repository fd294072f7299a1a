"""Links go with their runs in one statement."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database


class Migration(migrations.Migration):
    dependencies = [("links", "0001_wait_links")]

    operations = [cascade_in_database(["links_waitlink"], ["executions_execution"])]
