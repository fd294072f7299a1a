"""An account says which runs and sessions led to it, whose limits count it, too; its index is built while rows are written."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("agents", "0015_policy")]

    operations = [
        migrations.AddField(
            model_name="modelusage",
            name="counts_for",
            field=ArrayField(
                base_field=models.UUIDField(),
                help_text="runs and sessions whose calls led to the run: it counts for them, too",
                null=True,
                size=None,
            ),
        ),
        AddIndexConcurrently(
            "modelusage",
            GinIndex(fields=["counts_for"], name="account_of_callers", condition=Q(counts_for__isnull=False)),
        ),
    ]
