"""Responses belong to an app of their own. Their table stays as it is, and so does what staff may do with them: the
version before reads and writes it while this one rolls out.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import julep_project.core.clock
import julep_project.core.ids
from django.db import migrations, models


# The rights to look at responses are named after the app.
_MOVE_RIGHTS = "UPDATE django_content_type SET app_label = '{to}' WHERE app_label = '{of}' AND model = 'storedresponse'"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("agents", "0005_metadata_indexes"),
        ("chat_sessions", "0010_without_responses"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="StoredResponse",
                    fields=[
                        ("version", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                        ("lease_until", models.DateTimeField(editable=False, null=True)),
                        (
                            "attempts",
                            models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count"),
                        ),
                        (
                            "due_at",
                            models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False),
                        ),
                        ("rung_at", models.DateTimeField(editable=False, null=True)),
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
                            "status",
                            models.CharField(
                                choices=[
                                    ("queued", "Queued"),
                                    ("in_progress", "In Progress"),
                                    ("completed", "Completed"),
                                    ("incomplete", "Incomplete"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                max_length=16,
                            ),
                        ),
                        (
                            "body",
                            models.JSONField(
                                help_text="the response object, with what is needed to tell its events again"
                            ),
                        ),
                        ("input_items", models.JSONField(default=list, help_text="each with its id")),
                        (
                            "include",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=64), blank=True, default=list, size=None
                            ),
                        ),
                        ("deleted_at", models.DateTimeField(null=True)),
                        (
                            "size_bytes",
                            models.GeneratedField(
                                db_persist=True,
                                expression=django.db.models.expressions.CombinedExpression(
                                    models.Func(
                                        django.db.models.functions.comparison.Cast("body", models.TextField()),
                                        function="octet_length",
                                        output_field=models.BigIntegerField(),
                                    ),
                                    "+",
                                    models.Func(
                                        django.db.models.functions.comparison.Cast("input_items", models.TextField()),
                                        function="octet_length",
                                        output_field=models.BigIntegerField(),
                                    ),
                                ),
                                help_text="of body and input_items as text, which is what reading them costs",
                                output_field=models.BigIntegerField(),
                            ),
                        ),
                        (
                            "developer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.developer"
                            ),
                        ),
                        (
                            "previous",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="responses.storedresponse",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "chat_sessions_storedresponse",
                        "ordering": ("-created_at", "-id"),
                        "indexes": [
                            models.Index(fields=["developer", "-created_at"], name="response_of_developer"),
                            models.Index(
                                condition=models.Q(("deleted_at__isnull", False)),
                                fields=["deleted_at"],
                                name="response_deleted",
                            ),
                            models.Index(
                                condition=models.Q(("status__in", ("queued", "in_progress"))),
                                fields=["developer", "due_at"],
                                name="response_open",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "status__in",
                                        ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"],
                                    )
                                ),
                                name="response_status_known",
                            )
                        ],
                    },
                ),
            ]
        ),
        migrations.RunSQL(
            _MOVE_RIGHTS.format(of="chat_sessions", to="responses"),
            _MOVE_RIGHTS.format(of="responses", to="chat_sessions"),
        ),
    ]
