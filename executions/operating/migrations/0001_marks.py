import julep_project.core.clock
import julep_project.core.ids
from django.db import migrations, models
from julep_project.core.cascades import cascade_in_database


class Migration(migrations.Migration):
    initial = True

    dependencies = [("agents", "0010_autovacuum"), ("tasks", "0004_metadata_index")]

    operations = [
        migrations.CreateModel(
            name="FaultMark",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=julep_project.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("fault", models.CharField(max_length=16)),
                (
                    "state",
                    models.CharField(choices=[("ignored", "Ignored"), ("resolved", "Resolved")], max_length=16),
                ),
                ("until", models.DateTimeField(null=True)),
                ("version", models.PositiveIntegerField()),
                ("made_by", models.CharField(blank=True, max_length=255)),
                ("made_at", models.DateTimeField(db_default=julep_project.core.clock.DatabaseNow())),
                (
                    "developer",
                    models.ForeignKey(on_delete=models.DO_NOTHING, related_name="+", to="agents.developer"),
                ),
                (
                    "task",
                    models.ForeignKey(db_index=False, on_delete=models.DO_NOTHING, related_name="+", to="tasks.task"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["task", "fault"], name="fault_mark_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ignored", "resolved"])), name="fault_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "resolved"), ("until__isnull", False), _connector="OR"),
                        name="fault_ignored_until",
                    ),
                ],
            },
        ),
        cascade_in_database(["operating_faultmark"], ["agents_developer", "tasks_task"]),
    ]
