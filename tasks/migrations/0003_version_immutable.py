"""A version of a task is immutable: the database itself refuses to change a row of it."""

from django.db import migrations

CREATE = """
CREATE FUNCTION tasks_taskversion_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a task is never changed';
END $$;
CREATE TRIGGER taskversion_immutable BEFORE UPDATE ON tasks_taskversion
    FOR EACH ROW EXECUTE FUNCTION tasks_taskversion_refuse_change();
"""

DROP = """
DROP TRIGGER taskversion_immutable ON tasks_taskversion;
DROP FUNCTION tasks_taskversion_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("tasks", "0002_database_cascades")]

    operations = [migrations.RunSQL(CREATE, DROP)]
