"""Foreign keys whose deletes the database carries out: no rows are collected first, and no concurrent insert is missed.

Models say `DO_NOTHING` for all of them.
"""

from collections.abc import Sequence

from django.db.migrations import RunSQL

_CASCADE = " ON DELETE CASCADE"
_REFUSE = ""
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
            replace(
                regexp_replace(key.definition, ' ON DELETE (CASCADE|SET NULL)', ''),
                ' DEFERRABLE', '{action} DEFERRABLE'));
    END LOOP;
END $$
"""


def cascade_in_database(tables: Sequence[str], targets: Sequence[str]) -> RunSQL:
    """A migration that lets deletes of the targets cascade to the tables."""
    return RunSQL(_remade(tables, targets, _CASCADE), _remade(tables, targets, _REFUSE))


def null_in_database(table: str, target: str) -> RunSQL:
    """A migration by which rows of the table outlive the target they name, and name none then; before, they did not."""
    return RunSQL(_remade([table], [target], " ON DELETE SET NULL"), _remade([table], [target], _CASCADE))


def refuse_in_database(table: str, target: str) -> RunSQL:
    """A migration by which a target that rows name at the end of a transaction cannot be deleted; before, they went
    with it."""
    return RunSQL(_remade([table], [target], _REFUSE), _remade([table], [target], _CASCADE))


def _remade(tables: Sequence[str], targets: Sequence[str], action: str) -> str:
    return _REMAKE.format(tables=_quoted(tables), targets=_quoted(targets), action=action)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
