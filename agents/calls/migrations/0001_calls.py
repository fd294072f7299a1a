"""Records of calls, and the texts they refer to."""

import django.contrib.postgres.fields
import django.db.models.deletion
import julep_project.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("agents", "0007_usage_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Call",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("model", "Model"), ("embedding", "Embedding"), ("tool", "Tool")], max_length=12
                    ),
                ),
                ("name", models.CharField(help_text="of the model or the tool", max_length=255)),
                ("status", models.CharField(choices=[("ok", "Ok"), ("failed", "Failed")], max_length=8)),
                (
                    "key",
                    models.CharField(help_text="the same for all attempts of one effect", max_length=128, null=True),
                ),
                ("attempt", models.PositiveIntegerField(default=1)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("request", models.TextField(help_text="settings of a model, arguments of a tool; JSON")),
                ("response", models.TextField(help_text="JSON", null=True)),
                ("error_type", models.CharField(max_length=120, null=True)),
                ("error", models.TextField(null=True)),
                (
                    "pieces",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                (
                    "rest",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                ("tools", models.UUIDField(null=True)),
                ("prompt_tokens", models.PositiveIntegerField(null=True)),
                ("completion_tokens", models.PositiveIntegerField(null=True)),
                ("usage_id", models.UUIDField(null=True)),
                ("agent_id", models.UUIDField(null=True)),
                ("task_id", models.UUIDField(null=True)),
                ("session_id", models.UUIDField(null=True)),
                ("execution_id", models.UUIDField(null=True)),
                ("response_id", models.UUIDField(null=True)),
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
                "ordering": ("-started_at", "-id"),
                "indexes": [
                    models.Index(fields=["developer", "-started_at"], name="call_of_developer"),
                    models.Index(
                        condition=models.Q(("execution_id__isnull", False)),
                        fields=["execution_id", "started_at"],
                        name="call_of_execution",
                    ),
                    models.Index(
                        condition=models.Q(("session_id__isnull", False)),
                        fields=["session_id", "started_at"],
                        name="call_of_session",
                    ),
                    models.Index(
                        condition=models.Q(("response_id__isnull", False)),
                        fields=["response_id", "started_at"],
                        name="call_of_response",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CallText",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("content", models.BinaryField()),
                ("size", models.PositiveIntegerField(help_text="bytes of the text")),
                ("is_packed", models.BooleanField(help_text="the content is compressed")),
                ("last_used", models.DateField(help_text="of UTC")),
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
                "indexes": [models.Index(fields=["developer", "last_used"], name="call_text_of_developer")],
            },
        ),
    ]
