"""Runs know which run they do again, and branches are found that pauses hold up. Indexes, for lists of runs over all
tasks too, are built while rows are written."""

import django.db.models.fields.json
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0015_ends_of_runs")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="retried_from",
            field=models.UUIDField(help_text="the run that this one does again; it may be gone", null=True),
        ),
        migrations.AddField(
            model_name="execution",
            name="values_of",
            field=models.UUIDField(
                help_text="the first of the runs whose stored contents this one may refer to, all of them retries",
                null=True,
            ),
        ),
        AddIndexConcurrently(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("status__in", ("awaiting_input", "failed", "cancelled"))),
                fields=["developer", "status", "-created_at", "-id"],
                name="execution_to_look_at",
            ),
        ),
        AddIndexConcurrently(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("retried_from__isnull", False)), fields=["retried_from"], name="execution_retries"
            ),
        ),
        AddIndexConcurrently(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("values_of__isnull", False)), fields=["values_of"], name="execution_values_of"
            ),
        ),
        AddIndexConcurrently(
            model_name="branch",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform("pause", "held_up"),
                condition=models.Q(("held_up__pause__isnull", False)),
                name="branch_held_by_pause",
            ),
        ),
    ]
