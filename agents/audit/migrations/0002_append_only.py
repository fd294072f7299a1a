"""The log is append-only: the database itself refuses anything else, unless a transaction says why.

Retention removes rows (`SET LOCAL julep.audit_upkeep = 'retention'`). Erasure takes out of rows what may tell of a
person (`'erasure'`), and can change nothing else. Nothing empties the table as a whole.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    upkeep text := coalesce(current_setting('julep.audit_upkeep', true), '');
BEGIN
    IF TG_OP = 'DELETE' AND upkeep = 'retention' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND upkeep = 'erasure'
        AND (to_jsonb(NEW) - '{name,before,after}'::text[]) = (to_jsonb(OLD) - '{name,before,after}'::text[])
        AND NEW.name = '' AND NEW.before IS NULL AND NEW.after IS NULL
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_auditrecord
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit_auditrecord
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
"""

DROP = """
DROP TRIGGER audit_not_emptied ON audit_auditrecord;
DROP TRIGGER audit_append_only ON audit_auditrecord;
DROP FUNCTION audit_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_audit_records")]

    operations = [migrations.RunSQL(CREATE, DROP)]
