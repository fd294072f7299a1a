"""Runs that wait for an event. The row of such a wait goes when its branch stands there no more, whatever moved it."""

import django.db.models.deletion
from django.db import migrations, models

import julep_project.core.clock

# With the rights of its owner: while this is migrated, roles of processes of the version before have none on the table.
_LEAVE = """
    CREATE FUNCTION executions_branch_leaves_wait() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
        DELETE FROM executions_eventwait WHERE id = OLD.wait_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER branch_leaves_wait AFTER UPDATE OF status ON executions_branch
        FOR EACH ROW WHEN (OLD.status = 'awaiting_input' AND NEW.status <> 'awaiting_input')
        EXECUTE FUNCTION executions_branch_leaves_wait();
"""
_STAY = """
    DROP TRIGGER branch_leaves_wait ON executions_branch;
    DROP FUNCTION executions_branch_leaves_wait();
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0011_tool_approval"), ("executions", "0023_told_by_webhooks")]

    operations = [
        migrations.CreateModel(
            name="EventWait",
            fields=[
                ("version", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(default=0, editable=False, help_text="claims that count"),
                ),
                ("due_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                ("rung_at", models.DateTimeField(editable=False, null=True)),
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("key", models.CharField(max_length=255, null=True)),
                ("match", models.JSONField(default=dict, help_text="what the data of the event have to contain")),
                (
                    "probe",
                    models.CharField(
                        blank=True, help_text="of one value of `match`: see `event_probes`", max_length=16
                    ),
                ),
                ("since", models.DateTimeField(help_text="no event from before that time is meant")),
                (
                    "state",
                    models.CharField(
                        choices=[("new", "New"), ("waiting", "Waiting"), ("failed", "Failed")],
                        db_default="new",
                        default="new",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow(), editable=False)),
                (
                    "branch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="executions.branch"
                    ),
                ),
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
                    "execution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="executions.execution"
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [
                    models.Index(fields=["developer", "name", "probe"], name="event_wait_of_name"),
                    models.Index(
                        condition=models.Q(("state", "new")),
                        fields=["developer", "due_at"],
                        name="event_wait_to_look",
                    ),
                ],
            },
        ),
        migrations.RunSQL(_LEAVE, _STAY),
    ]
