"""Keeps the leases of running effects alive."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings

from executions.engine.dispatch import dispatcher
from executions.engine.draft import is_at_most_once
from executions.engine.rows.claims import Claim
from executions.models import Branch
from executions.states import BranchStatus
from julep_project.core.database import execute, fetch, give_connection_back
from julep_project.core.work.lease import LEASE_END
from julep_project.core.work.renewing import Renewer


def renew_leases(held: Iterable[tuple[UUID, int]]) -> None:
    """Lengthen the leases of claims still held. A row locked by somebody else is left for the next round."""
    execute(_RENEW, [settings.LEASE_SECONDS, *_columns(held)])


_RENEW = f"""
    UPDATE executions_branch b SET lease_until = {LEASE_END.format(seconds="%s")}
    WHERE b.id IN (
        SELECT b.id FROM executions_branch b
        JOIN unnest(%s::uuid[], %s::bigint[]) AS h(id, version) ON b.id = h.id AND b.version = h.version
        WHERE b.status IN ('running', 'calling') FOR UPDATE OF b SKIP LOCKED)
"""

# With another version, whatever the call still brings is refused. An attempt that is not counted leaves no doubt; of a
# call that must not be repeated the doubt stays, and whoever takes it asks a person.
_GIVE_BACK = """
    UPDATE executions_branch b
    SET version = b.version + 1, lease_until = NULL, lease_owner = NULL, rung_at = now(),
        effect = CASE WHEN b.effect->'request'->'tool'->'at_most_once' = 'true'::jsonb THEN b.effect
                 ELSE jsonb_set(b.effect, '{attempts}', to_jsonb(greatest((b.effect->>'attempts')::int - 1, 0))) END
    FROM unnest(%s::uuid[], %s::bigint[]) AS h(id, version)
    WHERE b.id = h.id AND b.version = h.version AND b.status = 'calling'
    RETURNING b.id
"""


def give_back(held: Iterable[tuple[UUID, int]]) -> None:
    """End claims still held: another worker makes these calls, or asks a person about them."""
    for (branch_id,) in fetch(_GIVE_BACK, _columns(held)):
        dispatcher().effect(branch_id)


def _columns(held: Iterable[tuple[UUID, int]]) -> list[list[Any]]:
    pairs = list(held)
    return [[branch for branch, _ in pairs], [version for _, version in pairs]]


_RENEWER: Renewer[tuple[UUID, int]] = Renewer("lease-keeper", renew_leases, give_back)


def is_held(claim: Claim) -> bool:
    """Whether what the call brings would still be taken."""
    try:
        return Branch.objects.filter(pk=claim.branch_id, version=claim.version, status=BranchStatus.CALLING).exists()
    finally:
        give_connection_back()


@contextmanager
def holding(claim: Claim) -> Iterator[None]:
    """Keep the claim's lease alive for the length of the block."""
    with _RENEWER.holding((claim.branch_id, claim.version), last=is_at_most_once(claim.effect or {})):
        yield
