"""Webhooks are told of a run that waits for somebody to sign in where that is done: ten of its waits at most."""

from django.db import migrations

TELL = """
CREATE OR REPLACE FUNCTION webhooks_tell_execution() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    facts jsonb;
    asked jsonb;
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
        IF what = 'requires_action' THEN
            SELECT jsonb_agg(jsonb_build_object('wait_id', t.id, 'type', t.output->>'type', 'url', t.output->>'url'))
            INTO asked FROM (
                SELECT b.wait_id FROM executions_branch b
                WHERE b.execution_id = NEW.id AND b.status = 'awaiting_input' AND b.effect IS NOT NULL
                  AND b.effect->'waits_for'->>'type' = 'action' AND b.effect->'waits_for'->>'action' = 'connection'
                ORDER BY b.wait_id LIMIT 10
            ) AS w JOIN executions_transition t ON t.id = w.wait_id;
            IF asked IS NOT NULL THEN
                facts := facts || jsonb_build_object('actions', asked);
            END IF;
        END IF;
        IF NEW.status = 'failed' THEN
            facts := facts || jsonb_build_object('error_type', NEW.error_type);
        END IF;
        PERFORM webhooks_record(NEW.developer_id, 'execution.' || what, NEW.id, facts);
    END IF;
    RETURN NULL;
END $$;
"""

WITHOUT = """
CREATE OR REPLACE FUNCTION webhooks_tell_execution() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0029_transition_by_event")]

    operations = [migrations.RunSQL(TELL, WITHOUT)]
