"""Jobs that read files into docs, and where in its file a chunk stands."""

import django.db.models.deletion
import julep_project.core.clock
import julep_project.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0005_metadata_indexes"),
        ("docs_store", "0012_old_words_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="chunk",
            name="place",
            field=models.JSONField(help_text="page and heading, of a chunk that was read in a file", null=True),
        ),
        migrations.CreateModel(
            name="Ingestion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("version", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count"),
                ),
                ("due_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("rung_at", models.DateTimeField(editable=False, null=True)),
                ("name", models.CharField(max_length=64)),
                ("reason", models.TextField(blank=True, default="")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("in_progress", "In Progress"),
                            ("retrying", "Retrying"),
                            ("succeeded", "Succeeded"),
                            ("aborted", "Aborted"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("progress", models.FloatField(default=0.0, help_text="0 to 1")),
                ("content_id", models.UUIDField()),
                ("is_upload", models.BooleanField()),
                ("size", models.PositiveBigIntegerField(help_text="bytes")),
                (
                    "suffix",
                    models.CharField(blank=True, default="", help_text="what the file's name ends with", max_length=16),
                ),
                ("mime_type", models.CharField(blank=True, default="", max_length=120)),
                (
                    "parts_total",
                    models.PositiveIntegerField(help_text="null where it is not known before the end", null=True),
                ),
                ("parts_read", models.PositiveIntegerField(default=0)),
                ("chunk_count", models.PositiveIntegerField(default=0)),
                ("text_bytes", models.PositiveBigIntegerField(default=0)),
                ("seconds", models.FloatField(default=0.0, help_text="time it was read for")),
                (
                    "broken",
                    models.JSONField(
                        blank=True, default=list, help_text="parts that cannot be read, the first of them"
                    ),
                ),
                ("broken_count", models.PositiveIntegerField(default=0)),
                (
                    "deadly",
                    models.JSONField(blank=True, default=list, help_text="parts that ended the process that read them"),
                ),
                ("error_code", models.CharField(blank=True, default="", max_length=64)),
                (
                    "developer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.developer"
                    ),
                ),
                (
                    "doc",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="ingestions",
                        to="docs_store.doc",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("pending", "in_progress", "retrying"))),
                        fields=["developer", "due_at"],
                        name="ingestion_of_tenant",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ("pending", "in_progress", "retrying"))),
                        fields=["content_id"],
                        name="ingestion_of_content",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["pending", "in_progress", "retrying", "succeeded", "aborted", "failed"])
                        ),
                        name="ingestion_state_known",
                    )
                ],
            },
        ),
    ]
