"""One index on the children of a branch instead of three, and one on the log of a run instead of two.

The tables are not altered: that would make the foreign keys anew, without the cascade the database does by itself.
"""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("executions", "0005_blobs")]

    operations = [
        migrations.RemoveIndex("branch", "branch_of_fork"),
        migrations.RemoveIndex("branch", "branch_lane"),
        migrations.AddIndex(
            "branch",
            models.Index(
                fields=["parent", "status", "index"], name="branch_children", condition=Q(parent__isnull=False)
            ),
        ),
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    "DROP INDEX executions_branch_parent_id_e4d3ce1f",
                    "CREATE INDEX executions_branch_parent_id_e4d3ce1f ON executions_branch (parent_id)",
                ),
                migrations.RunSQL(
                    "DROP INDEX executions_transition_execution_id_00634715",
                    "CREATE INDEX executions_transition_execution_id_00634715 ON executions_transition (execution_id)",
                ),
            ],
            [
                migrations.AlterField(
                    "branch",
                    "parent",
                    models.ForeignKey(
                        "executions.branch",
                        null=True,
                        on_delete=models.DO_NOTHING,
                        related_name="children",
                        db_index=False,
                    ),
                ),
                migrations.AlterField(
                    "transition",
                    "execution",
                    models.ForeignKey(
                        "executions.execution",
                        on_delete=models.DO_NOTHING,
                        related_name="transitions",
                        db_index=False,
                    ),
                ),
            ],
        ),
    ]
