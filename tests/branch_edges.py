"""Has the database refuse a change of a branch's status that the state table does not know."""

from django.db import connection

from executions.states import BRANCH_EDGES

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_unknown_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status || ' ' || NEW.status <> ALL (string_to_array(TG_ARGV[0], ',')) THEN
        RAISE EXCEPTION 'a branch went from %% to %%', OLD.status, NEW.status;
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER known_edges BEFORE UPDATE ON executions_branch FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION refuse_unknown_edge(%s);
"""


def refuse_unknown_edges() -> None:
    """For the rest of the transaction, or of the database where a test has none around it."""
    known = [f"{before.value} {after.value}" for before, following in BRANCH_EDGES.items() for after in following]
    with connection.cursor() as cursor:
        cursor.execute(_REFUSE, [",".join(known)])
