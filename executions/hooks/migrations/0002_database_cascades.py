"""Calls go with their hooks, and these with their developers, in one statement. A hook outlives its task."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database, null_in_database


class Migration(migrations.Migration):
    dependencies = [("hooks", "0001_hooks")]

    operations = [
        cascade_in_database(["hooks_hook", "hooks_hookcall"], ["agents_developer", "hooks_hook"]),
        null_in_database("hooks_hook", "tasks_task"),
    ]
