"""Runs that a call of another run began: which branch waits for them, and which runs led to them. When one ends, in the
same transaction the branch that waits is to be looked at.

The index is built while rows are written; what a build that was interrupted left behind is no use, and goes first.
"""

import django.contrib.postgres.fields
from django.db import migrations, models

_OPEN = ["queued", "starting", "running", "awaiting_input"]
_DROP = "DROP INDEX CONCURRENTLY IF EXISTS execution_called"
_MAKE = """
    CREATE INDEX CONCURRENTLY execution_called ON executions_execution (called_by)
    WHERE called_by IS NOT NULL AND status IN ('queued', 'starting', 'running', 'awaiting_input')
"""
# With the rights of its owner, as all that rows tell each other. A branch that somebody holds is passed over: whoever ends
# the caller holds branches and then ends what they began, and whoever makes a call looks again when it lets go.
_TELL = """
    CREATE FUNCTION executions_tell_caller() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
        UPDATE executions_branch SET wake_at = now() WHERE id = (
            SELECT id FROM executions_branch
            WHERE id = NEW.called_by AND status = 'calling' AND lease_owner IS NULL FOR UPDATE SKIP LOCKED);
        RETURN NULL;
    END $$;
    CREATE TRIGGER execution_tells_caller AFTER UPDATE OF status ON executions_execution FOR EACH ROW
        WHEN (NEW.called_by IS NOT NULL AND NEW.status IN ('succeeded', 'failed', 'cancelled')
              AND OLD.status <> NEW.status)
        EXECUTE FUNCTION executions_tell_caller();
"""
_TELL_NOBODY = """
    DROP TRIGGER IF EXISTS execution_tells_caller ON executions_execution;
    DROP FUNCTION IF EXISTS executions_tell_caller();
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0030_actions_told")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="called_by",
            field=models.UUIDField(
                help_text="the branch that waits for it, or the session in which a tool began it", null=True
            ),
        ),
        migrations.AddField(
            model_name="execution",
            name="callers",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.UUIDField(),
                help_text="the runs whose calls led to it, the nearest first",
                null=True,
                size=None,
            ),
        ),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL([_DROP, _MAKE], [_DROP])],
            [
                migrations.AddIndex(
                    "execution",
                    models.Index(
                        fields=["called_by"],
                        condition=models.Q(("called_by__isnull", False), ("status__in", _OPEN)),
                        name="execution_called",
                    ),
                )
            ],
        ),
        migrations.RunSQL([_TELL_NOBODY + _TELL], [_TELL_NOBODY]),
    ]
