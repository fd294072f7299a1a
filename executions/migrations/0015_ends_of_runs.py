"""How a run ended, beside its status; and what operators look for among the runs of all developers.

The columns are null in rows of the version before, and in those it writes. The indexes are built while rows are written.
"""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

_OPEN = ("queued", "starting", "running", "awaiting_input")

_COLUMNS = {
    "error_type": models.CharField(help_text="the kind of failure that ended it", max_length=120, null=True),
    "error_step": models.CharField(help_text="label or place of the step that failed", max_length=200, null=True),
    "error_hash": models.CharField(
        help_text="the same for runs that failed by the same fault", max_length=16, null=True
    ),
    "ended_at": models.DateTimeField(editable=False, null=True),
    "asleep_until": models.DateTimeField(help_text="while nothing of it moves before that time", null=True),
}
_BATCH = 5000

# Lists of failed runs are ordered by it. The index finds those that have none.
_FILL_IN = """
    UPDATE executions_execution SET ended_at = updated_at WHERE id IN (
        SELECT id FROM executions_execution WHERE status = 'failed' AND ended_at IS NULL LIMIT %s)
"""


def fill_in(apps: Any, schema_editor: Any) -> None:
    """Of runs that failed before, in batches; may be repeated."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_FILL_IN, [_BATCH])
        while cursor.rowcount:
            cursor.execute(_FILL_IN, [_BATCH])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0014_turns")]

    operations = [
        # As one statement that may be repeated, should an index not be built at the first attempt.
        migrations.RunSQL(
            """
            ALTER TABLE executions_execution
                ADD COLUMN IF NOT EXISTS error_type varchar(120), ADD COLUMN IF NOT EXISTS error_step varchar(200),
                ADD COLUMN IF NOT EXISTS error_hash varchar(16), ADD COLUMN IF NOT EXISTS ended_at timestamptz,
                ADD COLUMN IF NOT EXISTS asleep_until timestamptz
            """,
            """
            ALTER TABLE executions_execution
                DROP COLUMN error_type, DROP COLUMN error_step, DROP COLUMN error_hash, DROP COLUMN ended_at,
                DROP COLUMN asleep_until
            """,
            state_operations=[migrations.AddField("execution", name, field) for name, field in _COLUMNS.items()],
        ),
        AddIndexConcurrently("execution", models.Index(fields=["-created_at", "-id"], name="execution_newest")),
        AddIndexConcurrently(
            "execution",
            models.Index(fields=["status", "-created_at", "-id"], name="execution_open", condition=Q(status__in=_OPEN)),
        ),
        AddIndexConcurrently(
            "execution",
            models.Index(fields=["-ended_at", "-id"], name="execution_failed", condition=Q(status="failed")),
        ),
        AddIndexConcurrently(
            "execution",
            models.Index(
                fields=["error_hash", "-ended_at"], name="execution_fault", condition=Q(error_hash__isnull=False)
            ),
        ),
        AddIndexConcurrently(
            "branch",
            models.Index(fields=["updated_at"], name="branch_waits", condition=Q(status="awaiting_input")),
        ),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
    ]
