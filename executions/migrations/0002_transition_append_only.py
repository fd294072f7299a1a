"""The log is append-only: the database itself refuses to change a row of it."""

from django.db import migrations

CREATE = """
CREATE FUNCTION executions_transition_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'transitions are append-only';
END $$;
CREATE TRIGGER transition_append_only BEFORE UPDATE ON executions_transition
    FOR EACH ROW EXECUTE FUNCTION executions_transition_refuse_change();
"""

DROP = """
DROP TRIGGER transition_append_only ON executions_transition;
DROP FUNCTION executions_transition_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0001_executions")]

    operations = [migrations.RunSQL(CREATE, DROP)]
