"""Keeps the leases of running effects alive."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import connection

from executions.engine.claims import Claim
from julep_project.core.leases import LeaseKeeper


def renew_leases(held: Iterable[tuple[UUID, int]]) -> None:
    """Lengthen the leases of claims still held. A row locked by somebody else is left for the next round."""
    pairs = list(held)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE executions_branch b SET lease_until = now() + make_interval(secs => %s)
            WHERE b.id IN (
                SELECT b.id FROM executions_branch b
                JOIN unnest(%s::uuid[], %s::bigint[]) AS h(id, version) ON b.id = h.id AND b.version = h.version
                WHERE b.status IN ('running', 'calling') FOR UPDATE OF b SKIP LOCKED)
            """,
            [settings.LEASE_SECONDS, [branch for branch, _ in pairs], [version for _, version in pairs]],
        )


_KEEPER: LeaseKeeper[tuple[UUID, int]] = LeaseKeeper("lease-keeper", renew_leases)


@contextmanager
def holding(claim: Claim) -> Iterator[None]:
    """Keep the claim's lease alive for the length of the block."""
    with _KEEPER.holding((claim.branch_id, claim.version)):
        yield
