"""Indexes for calls under way and for accounts that are in no sum yet, built while rows are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("agents", "0006_usage_accounts")]

    operations = [
        AddIndexConcurrently(
            model_name="modelusage",
            index=models.Index(
                condition=models.Q(("folded", False)), fields=["developer", "created_at"], name="usage_not_folded"
            ),
        ),
        AddIndexConcurrently(
            model_name="modelusage",
            index=models.Index(condition=models.Q(("state", "reserved")), fields=["created_at"], name="usage_reserved"),
        ),
    ]
