"""Puts policies in force, and says what of them is not.

Run by `migrate`, after all migrations, and not in one of them: what is in force is what the models say, also after a
table was made, restored, or changed by hand. What is as it should be is not touched, so nothing is locked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg import sql
from psycopg.errors import LockNotAvailable

from julep_project.core.database import execute, fetch
from julep_project.core.row_security.policies import (
    SYSTEM_POLICY,
    SYSTEM_ROLE,
    TENANT_POLICY,
    TENANT_ROLE,
    Guarded,
    guarded_tables,
    shared_tables,
)

# Functions behind operators by which indexes find rows. Postgres uses no index for a condition that comes with a policy
# unless its function is known to tell nothing of what it looks at, by an error for instance. These compare, no more.
LEAKPROOF = ("pg_catalog.jsonb_contains(jsonb, jsonb)", "pg_catalog.ts_match_vq(tsvector, tsquery)")

_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
# A table that is being used is waited for this long, so that who comes later does not wait for long behind this.
_LOCK_WAIT = "2s"
_ATTEMPTS = 30

ROLES_SQL = f"""
DO $$ BEGIN CREATE ROLE {TENANT_ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE {SYSTEM_ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
"""
_GRANT_ROLES = f"GRANT {TENANT_ROLE}, {SYSTEM_ROLE} TO CURRENT_USER"

_LOGIN = "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
_ROLES = f"""
    SELECT rolname, rolsuper OR rolbypassrls, pg_has_role(current_user, oid, 'MEMBER'),
           pg_has_role(current_user, oid, 'USAGE'), pg_has_role(oid, '{SYSTEM_ROLE}', 'MEMBER')
    FROM pg_roles
    WHERE rolname IN ('{TENANT_ROLE}', '{SYSTEM_ROLE}')
      AND (SELECT count(*) FROM pg_roles WHERE rolname IN ('{TENANT_ROLE}', '{SYSTEM_ROLE}')) = 2
"""
_TABLES = f"""
    SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
           {" AND ".join(f"has_table_privilege('{TENANT_ROLE}', c.oid, '{each}')" for each in _PRIVILEGES)},
           pg_get_userbyid(c.relowner),
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
           ARRAY(SELECT concat_ws(' ', p.polname, p.polpermissive, p.polcmd,
                                  (SELECT string_agg(rolname, ',') FROM pg_roles WHERE oid = ANY (p.polroles)),
                                  p.polwithcheck IS NULL, obj_description(p.oid, 'pg_policy'))
                 FROM pg_policy AS p WHERE p.polrelid = c.oid ORDER BY p.polname)
    FROM pg_class AS c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (%s)
"""
_OPEN = f"""
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT c.relname = ANY (%s) AND has_table_privilege('{TENANT_ROLE}', c.oid, '{", ".join(_PRIVILEGES)}')
    ORDER BY 1
"""
_SCHEMA = f"SELECT current_schema(), has_schema_privilege('{TENANT_ROLE}', current_schema(), 'USAGE')"
_LEAKY = "SELECT proname FROM pg_proc WHERE oid = ANY (%s::regprocedure[]) AND NOT proleakproof ORDER BY 1"


class CannotBeMade(Exception):
    """What the login may not do. The text says what somebody else has to."""


@dataclass(slots=True)
class Standing:
    """What is not as it should be: of the roles, of the schema, and of tables, by their names; and functions that keep
    indexes from being used."""

    roles: list[str] = field(default_factory=list)
    schema: list[str] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    slow: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        return [*self.roles, *self.schema, *(f"{table} {what}" for table, what in sorted(self.tables.items()))]


def look() -> Standing:
    """Compare what is in force with what the models say. Tables that are not there yet are passed over."""
    standing = Standing(roles=list(_wrong_roles()), slow=[name for (name,) in fetch(_LEAKY, [list(LEAKPROOF)])])
    if standing.roles:
        return standing
    [(schema, is_usable)] = fetch(_SCHEMA)
    if not is_usable:
        standing.schema.append(f"the schema {schema} is not granted to the tenants' role")
    guarded = {one.table: one for one in guarded_tables()}
    shared = shared_tables()
    for name, forced, usable, owner, columns, policies in fetch(_TABLES, [[*guarded, *shared]]):
        expected = guarded.get(name)
        if expected is not None and not expected.columns <= set(columns):
            # Migrations that make it so have not been applied.
            continue
        if owner == TENANT_ROLE:
            standing.tables[name] = "belongs to the tenants' role"
        elif expected is not None and not forced:
            standing.tables[name] = "has no row-level security in force"
        elif expected is not None and policies != _told(expected):
            standing.tables[name] = "has other policies than the models say"
        elif not usable:
            standing.tables[name] = "is not granted to the tenants' role"
    for (name,) in fetch(_OPEN, [[*guarded, *shared]]):
        standing.tables[name] = "is open to the tenants' role"
    return standing


def bring_into_force(say: Callable[[str], None]) -> None:
    """Make what is not there, and mend what is not as it should be.

    The login becomes a member of both roles before the first table is closed, and what runs already uses the same
    login: under the policies it goes on seeing every row.

    Raises:
        CannotBeMade
    """
    make_roles()
    standing = look()
    if standing.schema:
        # All roles may use the first one of a database, and only its owner one that was made anew to restore a dump.
        [(schema, _)] = fetch(_SCHEMA)
        execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), sql.Identifier(TENANT_ROLE)))
    guarded = {one.table: one for one in guarded_tables()}
    for table in sorted(standing.tables.keys() & guarded.keys()):
        say(f"Row-level security of {table}")
        _with_patience(_statements(guarded[table]))
    for table in sorted(standing.tables.keys() & set(shared_tables())):
        execute(_grant(table))
    if standing.slow and fetch(_LOGIN)[0][0]:
        for function in LEAKPROOF:
            execute(f"ALTER FUNCTION {function} LEAKPROOF")
    if wrong := look().wrong:
        raise CannotBeMade("Row-level security is not in force: " + "; ".join(wrong))


def make_roles() -> None:
    """Make the two roles, and the login a member of them.

    Raises:
        CannotBeMade
    """
    if not list(_wrong_roles()):
        return
    [(is_superuser, makes_roles)] = fetch(_LOGIN)
    if not (is_superuser or makes_roles):
        raise CannotBeMade(f"The login may not make roles. Somebody who may has to run:\n{operators_sql()}")
    execute(ROLES_SQL)
    if not is_superuser:
        execute(_GRANT_ROLES)
    if wrong := list(_wrong_roles()):
        raise CannotBeMade("; ".join(wrong))


def operators_sql() -> str:
    """What somebody who may make roles runs for a login that may not."""
    [(login,)] = fetch("SELECT quote_ident(current_user)")
    return f"{ROLES_SQL.strip()}\nGRANT {TENANT_ROLE}, {SYSTEM_ROLE} TO {login};"


def _wrong_roles() -> Iterator[str]:
    found = {name: facts for name, *facts in fetch(_ROLES)}
    if len(found) < 2:
        yield f"the roles {TENANT_ROLE} and {SYSTEM_ROLE} are not there"
        return
    [(is_superuser, _)] = fetch(_LOGIN)
    for name, (bypasses, is_member, _, _) in found.items():
        if bypasses:
            yield f"the role {name} bypasses row-level security"
        if not is_member:
            yield f"the login is no member of {name}"
    if found[TENANT_ROLE][3]:
        yield f"{TENANT_ROLE} is a member of {SYSTEM_ROLE}"
    if not is_superuser and found[SYSTEM_ROLE][1] and not found[SYSTEM_ROLE][2]:
        yield f"the login does not inherit from {SYSTEM_ROLE}"


def _told(guarded: Guarded) -> list[str]:
    """The policies of a table as `_TABLES` tells them."""
    return [
        f"{SYSTEM_POLICY} t * {SYSTEM_ROLE} f",
        f"{TENANT_POLICY} t * {TENANT_ROLE} f {guarded.digest}",
    ]


def _statements(guarded: Guarded) -> list[Any]:
    """Policies first: nobody is locked out in between. All in one transaction all the same."""
    table = sql.Identifier(guarded.table)
    condition = sql.SQL(guarded.condition)
    parts = {
        "table": table,
        "condition": condition,
        "digest": sql.Literal(guarded.digest),
        "tenant": sql.Identifier(TENANT_ROLE),
        "system": sql.Identifier(SYSTEM_ROLE),
        "of_tenant": sql.Identifier(TENANT_POLICY),
        "of_system": sql.Identifier(SYSTEM_POLICY),
    }
    remove = [
        sql.SQL("DROP POLICY {} ON {}").format(sql.Identifier(name), table)
        for (name,) in fetch("SELECT polname FROM pg_policy WHERE polrelid = %s::regclass", [guarded.table])
    ]
    make = [
        "CREATE POLICY {of_system} ON {table} TO {system} USING (true) WITH CHECK (true)",
        "CREATE POLICY {of_tenant} ON {table} TO {tenant} USING ({condition}) WITH CHECK ({condition})",
        "COMMENT ON POLICY {of_tenant} ON {table} IS {digest}",
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    ]
    return [*remove, *(sql.SQL(each).format(**parts) for each in make), _grant(guarded.table)]


def _grant(table: str) -> Any:
    granted = sql.SQL(", ".join(_PRIVILEGES))
    return sql.SQL("GRANT {} ON {} TO {}").format(granted, sql.Identifier(table), sql.Identifier(TENANT_ROLE))


def _with_patience(statements: list[Any]) -> None:
    """A table that is in use for long is asked for again and again; nobody waits behind this meanwhile."""
    for attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_WAIT)))
                for statement in statements:
                    execute(statement)
            return
        except OperationalError as error:
            if connection.in_atomic_block or attempt == _ATTEMPTS - 1:
                raise
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
