"""Conversations, and the items in them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models

import julep_project.core.clock
import julep_project.core.ids


class Migration(migrations.Migration):
    dependencies = [("agents", "0005_metadata_indexes"), ("responses", "0001_responses")]

    operations = [
        migrations.CreateModel(
            name="Conversation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False),
                ),
                (
                    "changed_at",
                    models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False),
                ),
                ("metadata", models.JSONField(blank=True, default=dict)),
                (
                    "users",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        default=list,
                        help_text="whom responses in it were made for, by their ids",
                        size=None,
                    ),
                ),
                (
                    "item_count",
                    models.PositiveBigIntegerField(default=0, help_text="items ever added; numbers the next one"),
                ),
                (
                    "developer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.developer"
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [models.Index(fields=["developer", "changed_at"], name="conversation_of_developer")],
            },
        ),
        migrations.CreateModel(
            name="ConversationItem",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.PositiveBigIntegerField()),
                ("item_id", models.CharField(max_length=256)),
                ("item", models.JSONField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False),
                ),
                (
                    "size_bytes",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Func(
                            django.db.models.functions.comparison.Cast("item", models.TextField()),
                            function="octet_length",
                            output_field=models.BigIntegerField(),
                        ),
                        help_text="of the item as text, which is what reading it costs",
                        output_field=models.BigIntegerField(),
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="items",
                        to="responses.conversation",
                    ),
                ),
            ],
            options={
                "ordering": ("position",),
                "constraints": [
                    models.UniqueConstraint(fields=("conversation", "position"), name="conversation_item_position"),
                    models.UniqueConstraint(fields=("conversation", "item_id"), name="conversation_item_once"),
                ],
            },
        ),
    ]
