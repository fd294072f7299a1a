"""Webhooks are told by the database of responses that nobody waits for."""

from django.db import migrations

CREATE = """
CREATE FUNCTION webhooks_tell_response() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF webhooks_is_asked(NEW.developer_id) AND NEW.body -> 'background' = 'true' THEN
        PERFORM webhooks_record(NEW.developer_id, 'response.' || NEW.status, NEW.id,
            jsonb_build_object('id', 'resp_' || replace(NEW.id::text, '-', '')));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_response AFTER UPDATE OF status ON chat_sessions_storedresponse FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status
          AND NEW.status IN ('completed', 'incomplete', 'failed', 'cancelled'))
    EXECUTE FUNCTION webhooks_tell_response();
"""

DROP = """
DROP TRIGGER webhooks_response ON chat_sessions_storedresponse;
DROP FUNCTION webhooks_tell_response();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("responses", "0003_conversation_cascades"),
        ("webhooks", "0001_webhooks"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
