"""Foreign keys that cascade in the database: no rows are collected first, and no concurrent insert is missed."""

from collections.abc import Sequence

from django.db.migrations import RunSQL

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


def cascade_in_database(tables: Sequence[str], targets: Sequence[str]) -> RunSQL:
    """A migration that lets deletes of the targets cascade to the tables; their models say `DO_NOTHING`."""

    def remake(action: str) -> str:
        return _REMAKE.format(tables=_quoted(tables), targets=_quoted(targets), action=action)

    return RunSQL(remake(" ON DELETE CASCADE"), remake(""))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
