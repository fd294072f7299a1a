"""Deleting an agent or a task takes what belongs to it along in one statement."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database

TABLES = ["executions_execution", "executions_branch", "executions_transition", "executions_loopitem"]
TARGETS = ["tasks_task", "tasks_taskversion", "executions_execution", "executions_branch"]


class Migration(migrations.Migration):
    dependencies = [("executions", "0002_transition_append_only"), ("tasks", "0002_database_cascades")]

    operations = [cascade_in_database(TABLES, TARGETS)]
