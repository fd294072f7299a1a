"""Webhooks are told of runs by the database: whatever changes the status of one, in whichever statement.

Nothing is looked at but one index where the developer has no webhook. A run that begins and ends in one commit has
begun all the same. Metadata that are large are left out. A wait for an event asks nobody for anything; its table comes
with the next migration, before any webhook can be made.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION webhooks_tell_execution() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    facts jsonb;
    what text := CASE WHEN NEW.status IN ('succeeded', 'failed', 'cancelled') THEN NEW.status END;
BEGIN
    IF NOT webhooks_is_asked(NEW.developer_id) THEN
        RETURN NULL;
    END IF;
    IF NEW.status = 'awaiting_input' AND EXISTS (
        SELECT FROM executions_branch b WHERE b.execution_id = NEW.id AND b.status = 'awaiting_input'
        AND NOT EXISTS (SELECT FROM executions_eventwait w WHERE w.id = b.wait_id)
    ) THEN
        what := 'requires_action';
    END IF;
    facts := jsonb_build_object('id', NEW.id, 'task_id', NEW.task_id, 'created_at', NEW.created_at);
    IF octet_length(NEW.metadata::text) <= 4096 THEN
        facts := facts || jsonb_build_object('metadata', NEW.metadata);
    END IF;
    IF OLD.status = 'queued' AND NEW.status <> 'cancelled' THEN
        PERFORM webhooks_record(NEW.developer_id, 'execution.started', NEW.id, facts || '{"status": "running"}');
    END IF;
    IF what IS NOT NULL THEN
        facts := facts || jsonb_build_object('status', NEW.status);
        IF NEW.status = 'failed' THEN
            facts := facts || jsonb_build_object('error_type', NEW.error_type);
        END IF;
        PERFORM webhooks_record(NEW.developer_id, 'execution.' || what, NEW.id, facts);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_execution AFTER UPDATE OF status ON executions_execution FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status
          AND (OLD.status = 'queued' OR NEW.status IN ('awaiting_input', 'succeeded', 'failed', 'cancelled')))
    EXECUTE FUNCTION webhooks_tell_execution();
CREATE TRIGGER webhooks_job AFTER UPDATE OF state ON bulk_bulkaction FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('succeeded', 'failed', 'aborted'))
    EXECUTE FUNCTION webhooks_tell_job();
"""

DROP = """
DROP TRIGGER webhooks_job ON bulk_bulkaction;
DROP TRIGGER webhooks_execution ON executions_execution;
DROP FUNCTION webhooks_tell_execution();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0020_answers_to_a_quorum"),
        ("bulk", "0001_bulk_actions"),
        ("webhooks", "0001_webhooks"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
