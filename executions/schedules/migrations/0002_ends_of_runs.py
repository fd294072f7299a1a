"""Schedules go with their task or session, and occurrences with their schedule, in one statement each; and the end of a
run is told to the occurrence that began it, in the transaction of that end, whoever ends it."""

from django.db import migrations

from julep_project.core.cascades import cascade_in_database

# With the rights of its owner: while this is migrated, roles of processes of the version before have none on the table.
# By an index only: a plan that was made while the table was small would read all of it, in whatever session it is kept.
CREATE = """
CREATE FUNCTION schedules_note_end() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    UPDATE schedules_occurrence
    SET state = CASE NEW.status WHEN 'succeeded' THEN 'done' ELSE NEW.status END,
        reason = left(coalesce(NEW.error, ''), 500), ended_at = now(),
        updated_at = date_trunc('milliseconds', now())
    WHERE execution_id = NEW.id AND state = 'started';
    RETURN NULL;
END $$;
CREATE TRIGGER schedules_note_end AFTER UPDATE OF status ON executions_execution FOR EACH ROW
    WHEN (NEW.status IN ('succeeded', 'failed', 'cancelled') AND OLD.status <> NEW.status)
    EXECUTE FUNCTION schedules_note_end();
"""

DROP = """
DROP TRIGGER schedules_note_end ON executions_execution;
DROP FUNCTION schedules_note_end();
"""


class Migration(migrations.Migration):
    dependencies = [("schedules", "0001_schedules"), ("executions", "0020_answers_to_a_quorum")]

    operations = [
        cascade_in_database(["schedules_schedule"], ["tasks_task", "chat_sessions_session"]),
        cascade_in_database(["schedules_occurrence"], ["schedules_schedule"]),
        migrations.RunSQL(CREATE, DROP),
    ]
