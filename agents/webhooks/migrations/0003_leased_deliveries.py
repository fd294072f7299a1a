"""What is on its way to an endpoint is counted by an index, however much waits for it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("webhooks", "0002_database_cascades")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False), ("state", "pending")),
                fields=["endpoint", "lease_until"],
                name="delivery_leased",
            ),
        ),
    ]
