"""Indexes for whose runs begin next, built while rows are written. The version before holds no run back."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

_STATUSES = [
    ("pending", "waits for a lane of its map, or for earlier runs to begin"),
    ("ready", "waits for a worker"),
    ("running", "a worker holds it under a lease"),
    ("calling", "work outside the database is due or under way"),
    ("sleeping", "waits for its time"),
    ("awaiting_input", "waits for a person or a client"),
    ("joining", "waits for its children"),
    ("done", "ended with an output"),
    ("failed", "ended by a failure"),
    ("cancelled", "ended from outside"),
]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0013_waiting_calls"), ("rates", "0001_tenant_rates")]

    operations = [
        migrations.AlterField(
            model_name="branch",
            name="status",
            field=models.CharField(choices=_STATUSES, default="ready", max_length=16),
        ),
        AddIndexConcurrently(
            model_name="branch",
            index=models.Index(
                condition=models.Q(("parent__isnull", True), ("status", "pending")),
                fields=["execution"],
                name="branch_held_back",
            ),
        ),
        AddIndexConcurrently(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("status__in", ("queued", "starting", "running"))),
                fields=["developer", "status", "created_at"],
                name="execution_at_work",
            ),
        ),
    ]
