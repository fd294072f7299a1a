"""Which requests were carried out, and with which answers. The database decides between those that come at once.

Work that is one transaction keeps its answer in that transaction: `hold`, then `keep`. Other work claims its key
first, holds it by a lease, and ends with it: `begin`, then `LEASES.end`.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from julep_project.core.clock import TransactionNow
from julep_project.core.database import execute, fetch
from julep_project.core.idempotency.errors import KeyTaken, RequestUnderWay
from julep_project.core.idempotency.models import IdempotencyKey
from julep_project.core.ids import uuid7
from julep_project.core.tenancy import system_scope
from julep_project.core.work.lease import LEASE_END, Held, Leases

KEPT_FOR = timedelta(hours=24)
# Some of them hold megabytes.
_PRUNED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its key. `digest` tells it from every other request of the developer."""

    developer_id: UUID
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Work:
    """What a request is to do, by an id that all its repetitions share. `may_be_done`: an earlier one may have."""

    id: UUID
    may_be_done: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """The right to carry out a request."""

    held: Held
    work: Work


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; without a body, that it was."""

    status: int
    content_type: str
    body: bytes | None

    def as_kept(self) -> dict[str, Any]:
        """The columns, without a body that is too large."""
        is_kept = self.body is not None and len(self.body) <= settings.IDEMPOTENCY_ANSWER_KB * 1024
        return {"status": self.status, "content_type": self.content_type, "body": self.body if is_kept else None}


@dataclass(frozen=True, slots=True)
class Known:
    """A request that was carried out."""

    answer: Answer
    work: Work


_TABLE = IdempotencyKey._meta.db_table
_IS_HELD = "(t.status IS NULL AND coalesce(t.lease_until > now(), false))"
_IS_OLD = "t.created_at <= now() - %(kept_for)s"

# A key that nobody holds is free when it is old, when what it was used for was not carried out, or when the same is to
# be carried out whose process was lost.
_BEGIN = f"""
    INSERT INTO {_TABLE} AS t (developer_id, key, digest, work_id, version, lease_until, content_type)
    VALUES (%(developer)s, %(key)s, %(digest)s, %(work)s, 1, {LEASE_END.format(seconds="%(lease)s")}, '')
    ON CONFLICT (developer_id, key) DO UPDATE SET
        digest = EXCLUDED.digest, version = t.version + 1, lease_until = EXCLUDED.lease_until,
        work_id = CASE WHEN {_IS_OLD} OR t.digest <> EXCLUDED.digest THEN EXCLUDED.work_id ELSE t.work_id END,
        status = NULL, body = NULL, created_at = EXCLUDED.created_at
    WHERE NOT {_IS_HELD}
      AND ({_IS_OLD} OR t.status IS NULL AND (t.lease_until IS NULL OR t.digest = EXCLUDED.digest))
    RETURNING t.id, t.version, t.work_id
"""

_FIND = f"""
    SELECT t.digest, t.status, t.content_type, t.body, t.work_id, {_IS_HELD}
    FROM {_TABLE} t
    WHERE t.developer_id = %(developer)s AND t.key = %(key)s
      AND ({_IS_HELD} OR NOT {_IS_OLD} AND NOT (t.status IS NULL AND t.lease_until IS NULL))
"""

_KEEP = f"""
    INSERT INTO {_TABLE} AS t (developer_id, key, digest, work_id, version, status, content_type, body)
    VALUES (%(developer)s, %(key)s, %(digest)s, %(work)s, 1, %(status)s, %(content_type)s, %(body)s)
    ON CONFLICT (developer_id, key) DO UPDATE SET
        digest = EXCLUDED.digest, work_id = EXCLUDED.work_id, version = t.version + 1, lease_until = NULL,
        status = EXCLUDED.status, content_type = EXCLUDED.content_type, body = EXCLUDED.body,
        created_at = EXCLUDED.created_at
"""


def hold(asked: Asked) -> Known | None:
    """Hold the key until the transaction ends, however it does; what was answered if the request was carried out.

    Raises:
        RequestUnderWay: somebody else holds it. KeyTaken
    """
    name = blake2b(asked.developer_id.bytes + asked.key.encode(), digest_size=8)
    [(is_mine,)] = fetch("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(name.digest(), signed=True)])
    if not is_mine:
        raise RequestUnderWay
    return _known(asked)


def keep(asked: Asked, answer: Answer) -> None:
    """Keep what is answered, in the transaction that holds the key."""
    execute(_KEEP, {**_named(asked), **answer.as_kept()})


def begin(asked: Asked) -> Begun | Known:
    """The right to carry out the request, renewed and let go of through `LEASES`; or what was answered.

    Raises:
        RequestUnderWay: somebody else has it. KeyTaken
    """
    rows = fetch(_BEGIN, {**_named(asked), "lease": settings.LEASE_SECONDS})
    if rows:
        [(row_id, version, work_id)] = rows
        return Begun(Held(row_id, version), Work(work_id, may_be_done=version > 1))
    known = _known(asked)
    if known is None:
        # It was let go of in this moment.
        raise RequestUnderWay
    return known


def prune() -> int:
    """Forget keys that are not kept any longer, some at a time. Returns how many."""
    pruned = 0
    with system_scope():
        old = IdempotencyKey.objects.filter(created_at__lte=TransactionNow() - KEPT_FOR)
        free = old.exclude(status=None, lease_until__gt=TransactionNow()).order_by("created_at")
        while ids := list(free.values_list("pk", flat=True)[:_PRUNED_AT_ONCE]):
            pruned += IdempotencyKey.objects.filter(pk__in=ids).delete()[0]
    return pruned


def _hand_back(held: list[Held]) -> None:
    """The process stops before these requests have been answered: they may be sent again at once."""
    for one in held:
        LEASES.end(one)


LEASES: Leases[IdempotencyKey] = Leases(IdempotencyKey, Q(status=None), hand_back=_hand_back)


def _known(asked: Asked) -> Known | None:
    rows = fetch(_FIND, _named(asked))
    if not rows:
        return None
    [(digest, status, content_type, body, work_id, is_held)] = rows
    if bytes(digest) != asked.digest:
        raise KeyTaken
    if is_held:
        raise RequestUnderWay
    if status is None:
        return None
    answer = Answer(status, content_type, None if body is None else bytes(body))
    return Known(answer, Work(work_id, may_be_done=True))


def _named(asked: Asked) -> dict[str, Any]:
    return {
        "developer": asked.developer_id,
        "key": asked.key,
        "digest": asked.digest,
        "work": uuid7(),
        "kept_for": KEPT_FOR,
    }
