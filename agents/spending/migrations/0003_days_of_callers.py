"""So do the sums of days."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("spending", "0002_task_usage_days")]

    operations = [
        migrations.AddField(
            model_name="usageday",
            name="counts_for",
            field=ArrayField(
                base_field=models.UUIDField(),
                help_text="runs and sessions whose calls led to the run: it counts for them, too",
                null=True,
                size=None,
            ),
        ),
        AddIndexConcurrently(
            "usageday", GinIndex(fields=["counts_for"], name="usage_of_callers", condition=Q(counts_for__isnull=False))
        ),
    ]
