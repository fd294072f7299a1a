"""What is on its way for a developer is counted by an index, however much waits."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("webhooks", "0004_endpoints_in_trouble")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False), ("state", "pending")),
                fields=["developer", "lease_until"],
                name="delivery_at_work",
            ),
        ),
    ]
