"""Deleting an agent or a task takes what belongs to it along in one statement."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database

TABLES = ["tasks_task", "tasks_taskversion"]
TARGETS = ["agents_agent", "tasks_task"]


class Migration(migrations.Migration):
    dependencies = [("tasks", "0001_tasks")]

    operations = [cascade_in_database(TABLES, TARGETS)]
