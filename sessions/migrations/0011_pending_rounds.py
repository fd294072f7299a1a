"""Calls of a reply that wait for a person."""

import django.db.models.deletion
from django.db import migrations, models

import julep_project.core.clock
import julep_project.core.ids
from julep_project.core.cascades import cascade_in_database


class Migration(migrations.Migration):
    dependencies = [("chat_sessions", "0010_without_responses")]

    operations = [
        migrations.CreateModel(
            name="PendingRound",
            fields=[
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="pending_round",
                        serialize=False,
                        to="chat_sessions.session",
                    ),
                ),
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7,
                        editable=False,
                        help_text="the keys of its calls are made of it",
                    ),
                ),
                ("agent_id", models.UUIDField(help_text="whose calls they are")),
                ("is_alone", models.BooleanField(help_text="no other agents were to answer after this one")),
                (
                    "entry_count",
                    models.PositiveBigIntegerField(help_text="of the session; what comes behind was said since"),
                ),
                ("calls", models.JSONField()),
                ("decided", models.JSONField(null=True)),
                ("results", models.JSONField(null=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False),
                ),
            ],
            options={"indexes": [models.Index(fields=["expires_at"], name="pending_round_expires")]},
        ),
        cascade_in_database(["chat_sessions_pendinground"], ["chat_sessions_session"]),
    ]
