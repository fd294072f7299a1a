"""Runs know which fork they are a variant of, and what they have otherwise than their program."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0018_autovacuum")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="fork_id",
            field=models.UUIDField(help_text="the same for the variants that were begun together", null=True),
        ),
        migrations.AddField(
            model_name="execution",
            name="variant",
            field=models.JSONField(help_text="which variant of a fork it is, and what was edited", null=True),
        ),
        migrations.AddField(
            model_name="execution",
            name="overrides",
            field=models.JSONField(
                help_text="what it has otherwise than the program of its version: prompts, models, settings", null=True
            ),
        ),
        AddIndexConcurrently(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("fork_id__isnull", False)), fields=["fork_id"], name="execution_fork"
            ),
        ),
    ]
