"""Links by which people without an account answer waits."""

import django.db.models.deletion
from django.db import migrations, models

import julep_project.core.clock
import julep_project.core.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [("executions", "0020_answers_to_a_quorum")]

    operations = [
        migrations.CreateModel(
            name="WaitLink",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("wait_id", models.UUIDField(help_text="the `wait` transition")),
                ("digest", models.BinaryField(help_text="SHA-256 of the token", max_length=32, unique=True)),
                (
                    "answers_as",
                    models.CharField(blank=True, help_text="whom it is for, as the log will tell", max_length=200),
                ),
                ("made_by", models.JSONField(help_text="kind, id and name of who made it")),
                ("expires_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "execution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="executions.execution",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "abstract": False,
                "indexes": [models.Index(fields=["execution", "wait_id"], name="wait_link_of_wait")],
            },
        ),
    ]
