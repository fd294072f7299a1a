"""Foreign keys that cascade in the database: no rows are collected first, and no concurrent insert is missed."""

from django.db import migrations

# For every foreign key of the tables to the targets: make it again with the wanted action.
_REMAKE = """
DO $$
DECLARE key record;
BEGIN
    FOR key IN
        SELECT conname, conrelid::regclass AS owner, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint
        WHERE contype = 'f' AND conrelid = ANY (ARRAY[{tables}]::regclass[])
          AND confrelid = ANY (ARRAY[{targets}]::regclass[])
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', key.owner, key.conname);
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I %s', key.owner, key.conname,
            replace(replace(key.definition, ' ON DELETE CASCADE', ''), ' DEFERRABLE', '{action} DEFERRABLE'));
    END LOOP;
END $$
"""

_TABLES = ["executions_execution", "executions_branch", "executions_transition", "executions_loopitem"]
_TARGETS = ["tasks_task", "tasks_taskversion", "executions_execution", "executions_branch"]


def _remake(action: str) -> str:
    def quoted(names: list[str]) -> str:
        return ", ".join(f"'{name}'" for name in names)

    return (
        _REMAKE.replace("{tables}", quoted(_TABLES)).replace("{targets}", quoted(_TARGETS)).replace("{action}", action)
    )


class Migration(migrations.Migration):
    dependencies = [("executions", "0002_transition_append_only"), ("tasks", "0002_database_cascades")]

    operations = [migrations.RunSQL(_remake(" ON DELETE CASCADE"), _remake(""))]
