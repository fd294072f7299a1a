"""Lets calls go on that waited for something to be done outside.

Whoever does such a thing says so after the commit of it. The branch's row decides, so saying it twice changes nothing,
and what is not said is found by a sweep.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError

from agents.models import Developer
from agents.tools.actions import ActionExpired
from agents.tools.errors import ToolError
from executions.engine.draft import ACTION, WAITS_FOR
from executions.services import settle_action
from julep_project.core.database import fetch
from julep_project.core.errors import DomainError
from julep_project.core.tenancy import system_scope, tenant_scope

log = logging.getLogger(__name__)

_AT_ONCE = 500

# By the index of waits that have a call.
WAITS = f"""
    b.status = 'awaiting_input' AND b.effect IS NOT NULL AND b.effect->'{WAITS_FOR}'->>'type' = '{ACTION}'
"""
_EXPIRED = f"{WAITS} AND (b.effect->'{WAITS_FOR}'->>'expires_at')::timestamptz <= now()"
_FOUND = f"""
    SELECT e.developer_id, b.execution_id, b.wait_id, b.effect->'{WAITS_FOR}'->>'action'
    FROM executions_branch b JOIN executions_execution e ON e.id = b.execution_id
    WHERE {{}} ORDER BY b.updated_at LIMIT {_AT_ONCE}
"""
_OF_KEY = f"""
    {WAITS} AND e.developer_id = %(developer)s AND b.effect->'{WAITS_FOR}'->>'key' = %(key)s
    AND (b.effect->'{WAITS_FOR}'->>'seen')::bigint < %(state)s
"""

Waiting = Sequence[tuple[UUID, UUID, UUID, str]]


def go_on(developer_id: UUID, key: str, *, state: int, failure: ToolError | None = None) -> int:
    """Let all calls of the developer go on that wait for the key and looked before it was in this state; with a
    `failure` they fail. How many.
    """
    found: Waiting = fetch(_FOUND.format(_OF_KEY), {"developer": developer_id, "key": key, "state": state})
    return settle(found, failure)


@system_scope()
def expire() -> int:
    """Fail the calls nobody did anything for; how many."""
    found: Waiting = fetch(_FOUND.format(_EXPIRED))
    return settle(found, ActionExpired("nobody did in time what the call waited for"))


def settle(found: Waiting, failure: ToolError | None = None) -> int:
    """Let these calls go on, or fail; how many of them still waited."""
    return sum(_tried(*each, failure) for each in found)


def _tried(developer_id: UUID, execution_id: UUID, wait_id: UUID, action: str, failure: ToolError | None) -> bool:
    """What goes wrong with one is no reason to leave the others waiting."""
    try:
        return _settled(developer_id, execution_id, wait_id, action, failure)
    except (DomainError, DatabaseError, ObjectDoesNotExist, ValueError) as error:
        fields = {"action": "wait_not_settled", "execution_id": execution_id, "error": type(error).__name__}
        log.warning("call that waited could not go on", extra=fields)
        return False


def _settled(developer_id: UUID, execution_id: UUID, wait_id: UUID, action: str, failure: ToolError | None) -> bool:
    output = {"type": action, **({} if failure is None else {"error": failure.message})}
    with tenant_scope(developer_id):
        developer = Developer.objects.get(pk=developer_id)
        return settle_action(
            developer=developer, execution_id=execution_id, wait_id=wait_id, output=output, failure=failure
        )
