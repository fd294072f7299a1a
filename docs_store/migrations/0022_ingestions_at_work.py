"""Files of a developer that are read are counted by an index, however many wait."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("docs_store", "0021_told_by_webhooks")]

    operations = [
        AddIndexConcurrently(
            model_name="ingestion",
            index=models.Index(
                condition=models.Q(
                    ("lease_until__isnull", False), ("state__in", ["pending", "in_progress", "retrying"])
                ),
                fields=["developer", "lease_until"],
                name="ingestion_at_work",
            ),
        ),
    ]
