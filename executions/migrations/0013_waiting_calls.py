"""Finds calls that wait for room in a limit; built while rows are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0012_execution_key")]

    operations = [
        AddIndexConcurrently(
            model_name="branch",
            index=models.Index(
                condition=models.Q(("effect__isnull", False), ("status", "awaiting_input")),
                fields=["updated_at"],
                name="branch_waits_in_call",
            ),
        ),
    ]
