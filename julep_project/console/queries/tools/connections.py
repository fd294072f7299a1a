"""Who is signed in where, of all developers. Nothing of what opens something is read."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from julep_project.console.address import uuid_of
from julep_project.console.queries.owners import OF_DEVELOPER, naming
from julep_project.console.queries.rows import Row, rows

_CONNECTIONS = """
    SELECT c.*, p.name AS provider, p.kind, p.resource, p.issuer, u.name AS user_name, d.email AS developer
    FROM (SELECT id, provider_id, user_id, status, scopes, token_until, connected_at, refreshed_at, problem, link_until,
                 turn, created_at, developer_id
          FROM connections_connection c WHERE {narrowed} ORDER BY id DESC LIMIT %(limit)s) AS c
    JOIN connections_provider p ON p.id = c.provider_id JOIN agents_developer d ON d.id = c.developer_id
    LEFT JOIN agents_user u ON u.id = c.user_id
    ORDER BY c.id DESC
"""
_NARROWING = {
    "status": "c.status = %(status)s",
    "provider": """c.provider_id IN (SELECT id FROM connections_provider
                                     WHERE lower(name) = lower(%(provider)s) OR id = %(provider_id)s)""",
    "user": "c.user_id = %(user)s",
    "developer": OF_DEVELOPER,
}


def list_connections(wanted: Mapping[str, Any], *, after: UUID | None, limit: int) -> list[Row]:
    """Connections, the newest first: of a status, a service (by name or id), a user and a developer, if given."""
    narrowed = [text for name, text in _NARROWING.items() if wanted[name]]
    if after is not None:
        narrowed.append("c.id < %(after)s")
    values = {**wanted, **naming(wanted["developer"]), "provider_id": uuid_of(wanted["provider"])}
    statement = _CONNECTIONS.format(narrowed=" AND ".join(narrowed) or "true")
    return rows(statement, {**values, "after": after, "limit": limit})


def get_connection(connection_id: UUID) -> Row | None:
    """One of them."""
    found = rows(_CONNECTIONS.format(narrowed="c.id = %(id)s"), {"id": connection_id, "limit": 1})
    return found[0] if found else None
