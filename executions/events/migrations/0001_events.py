"""Events."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import julep_project.core.clock
import julep_project.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("agents", "0011_tool_approval"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("version", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count"),
                ),
                ("due_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("rung_at", models.DateTimeField(editable=False, null=True)),
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("key", models.CharField(max_length=255, null=True)),
                ("data", models.JSONField(default=dict)),
                (
                    "source",
                    models.CharField(choices=[("client", "Client"), ("hook", "Hook"), ("step", "Step")], max_length=8),
                ),
                (
                    "source_id",
                    models.CharField(blank=True, help_text="the API key, the hook or the run", max_length=64),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("handed_out", "Handed Out"), ("failed", "Failed")],
                        db_default="pending",
                        default="pending",
                        max_length=12,
                    ),
                ),
                ("after", models.UUIDField(editable=False, null=True)),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("kept_until", models.DateTimeField()),
                (
                    "developer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="agents.developer",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["developer", "name", "created_at", "id"], name="event_of_name"),
                    models.Index(fields=["developer", "-created_at", "-id"], name="event_of_developer"),
                    models.Index(
                        condition=models.Q(("state", "pending")),
                        fields=["developer", "due_at"],
                        name="event_to_hand_out",
                    ),
                    models.Index(fields=["kept_until"], name="event_kept_until"),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["data"], name="event_data", opclasses=["jsonb_path_ops"]
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("developer", "name", "key"), name="event_key_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "handed_out", "failed"])), name="event_state_known"
                    ),
                ],
            },
        ),
    ]
