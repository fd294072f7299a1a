"""Rows of one developer, who is named by e-mail or id."""

from typing import Any

from julep_project.console.address import uuid_of

DEVELOPERS = "SELECT id FROM agents_developer WHERE email = %(developer)s OR id = %(developer_id)s"
# Of a row with a `developer_id`.
OF_DEVELOPER = f"developer_id IN ({DEVELOPERS})"


def naming(developer: str) -> dict[str, Any]:
    """The parameters of that."""
    return {"developer": developer, "developer_id": uuid_of(developer)}
