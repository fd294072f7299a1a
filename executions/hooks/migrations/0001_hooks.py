"""Hooks, and the calls they received. A hook outlives its task, and names none then."""

import django.db.models.deletion
import julep_project.core.clock
import julep_project.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("agents", "0011_tool_approval"),
        ("tasks", "0004_metadata_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Hook",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("name", models.CharField(max_length=255)),
                ("digest", models.BinaryField(help_text="SHA-256 of the token", max_length=32, unique=True)),
                (
                    "target",
                    models.CharField(
                        choices=[("task", "starts a task"), ("event", "records an event"), ("wait", "answers a wait")],
                        max_length=8,
                    ),
                ),
                ("mapping", models.JSONField(default=dict)),
                (
                    "scheme",
                    models.CharField(
                        choices=[
                            ("standard", "Standard Webhooks"),
                            ("github", "GitHub"),
                            ("slack", "Slack"),
                            ("stripe", "Stripe"),
                            ("hmac", "an HMAC of the body in a header"),
                            ("none", "not at all"),
                        ],
                        default="standard",
                        max_length=12,
                    ),
                ),
                (
                    "options",
                    models.JSONField(
                        default=dict, help_text="of the scheme: header, encoding, algorithm, prefix, tolerance"
                    ),
                ),
                ("secret_name", models.CharField(max_length=255, null=True)),
                (
                    "makes_secret",
                    models.BooleanField(default=False, help_text="the secret was made for it, and goes with it"),
                ),
                ("deduplicate_by", models.TextField(help_text="an expression that tells repeated calls", null=True)),
                ("calls_per_minute", models.PositiveIntegerField(null=True)),
                ("paused", models.BooleanField(default=False)),
                (
                    "developer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="agents.developer"
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        help_text="null once it is gone",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tasks.task",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="HookCall",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("accepted", "Accepted"),
                            ("answered", "told its sender what it wanted to know"),
                            ("refused", "not signed as it has to be"),
                            ("failed", "nothing could be made of it"),
                            ("paused", "Paused"),
                        ],
                        max_length=8,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("http_status", models.PositiveSmallIntegerField()),
                ("known_by", models.CharField(help_text="what tells repeated calls", max_length=255, null=True)),
                ("repeats", models.PositiveIntegerField(db_default=0, default=0, help_text="how often it came again")),
                (
                    "began",
                    models.CharField(
                        choices=[("task", "starts a task"), ("event", "records an event"), ("wait", "answers a wait")],
                        max_length=8,
                        null=True,
                    ),
                ),
                ("began_id", models.UUIDField(help_text="the execution or the event", null=True)),
                (
                    "request",
                    models.JSONField(default=dict, help_text="method, headers, query, type and text of the body"),
                ),
                ("size", models.PositiveIntegerField(default=0, help_text="bytes of the body")),
                ("is_whole", models.BooleanField(default=True, help_text="all of the body is kept")),
                ("replay_of", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                (
                    "developer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="agents.developer",
                    ),
                ),
                (
                    "hook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="calls",
                        to="hooks.hook",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.AddConstraint(
            model_name="hook",
            constraint=models.CheckConstraint(
                condition=models.Q(("scheme__in", ["standard", "github", "slack", "stripe", "hmac", "none"])),
                name="hook_scheme_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="hook",
            constraint=models.CheckConstraint(
                condition=models.Q(("target__in", ["task", "event", "wait"])), name="hook_target_known"
            ),
        ),
        migrations.AddIndex(
            model_name="hookcall",
            index=models.Index(fields=["hook", "-created_at", "-id"], name="hook_call_of_hook"),
        ),
        migrations.AddIndex(
            model_name="hookcall",
            index=models.Index(fields=["developer", "created_at"], name="hook_call_of_developer"),
        ),
        migrations.AddIndex(
            model_name="hookcall",
            index=models.Index(fields=["created_at"], name="hook_call_oldest"),
        ),
        migrations.AddConstraint(
            model_name="hookcall",
            constraint=models.UniqueConstraint(fields=("hook", "known_by"), name="hook_call_once"),
        ),
    ]
