"""Webhooks are told of messages and jobs of sessions by the database."""

from django.db import migrations

CREATE = """
CREATE FUNCTION webhooks_tell_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told record;
BEGIN
    FOR told IN
        SELECT s.developer_id, e.session_id, e.seq,
               jsonb_build_object('id', e.id, 'session_id', e.session_id, 'role', e.role, 'source', e.source) AS facts
        FROM added e JOIN chat_sessions_session s ON s.id = e.session_id
        WHERE e.source NOT IN ('internal', 'summarizer') AND webhooks_is_asked(s.developer_id)
        ORDER BY e.session_id, e.seq
    LOOP
        PERFORM webhooks_record(told.developer_id, 'session.message', told.session_id, told.facts);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER webhooks_entries AFTER INSERT ON chat_sessions_entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_tell_entries();
CREATE TRIGGER webhooks_job AFTER UPDATE OF state ON chat_sessions_job FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('succeeded', 'failed', 'aborted'))
    EXECUTE FUNCTION webhooks_tell_job();
"""

DROP = """
DROP TRIGGER webhooks_job ON chat_sessions_job;
DROP TRIGGER webhooks_entries ON chat_sessions_entry;
DROP FUNCTION webhooks_tell_entries();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("chat_sessions", "0011_pending_rounds"),
        ("webhooks", "0001_webhooks"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
