"""Has the database refuse a change of a branch's status that the state table does not know."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from executions.states import BRANCH_EDGES

_REFUSE = """
CREATE FUNCTION refuse_unknown_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status || ' ' || NEW.status <> ALL (string_to_array(TG_ARGV[0], ',')) THEN
        RAISE EXCEPTION 'a branch went from %% to %%', OLD.status, NEW.status;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER known_edges BEFORE UPDATE ON executions_branch FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION refuse_unknown_edge(%s);
"""


@contextmanager
def refusing_unknown_edges() -> Iterator[None]:
    """For the length of the block."""
    known = [f"{before.value} {after.value}" for before, following in BRANCH_EDGES.items() for after in following]
    with connection.cursor() as cursor:
        cursor.execute(_REFUSE, [",".join(known)])
    try:
        yield
    finally:
        # Of a transaction around the test, nothing stays anyway.
        if not connection.in_atomic_block:
            with connection.cursor() as cursor:
                cursor.execute("DROP FUNCTION refuse_unknown_edge CASCADE")
