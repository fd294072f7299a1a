"""Rows of responses: begun before the model is asked, ended once, hidden when deleted, removed later."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from agents.models import Developer
from julep_project.core.database import run_query
from julep_project.core.errors import NotFound
from julep_project.core.events import HUB, publish
from julep_project.core.leases import LeaseKeeper
from sessions.models import ResponseStatus, StoredResponse
from sessions.responses.ids import parse_response_reference
from sessions.responses.items import Item

Json = Any

OPEN = (ResponseStatus.QUEUED, ResponseStatus.IN_PROGRESS)
UNKNOWN = "Provided response id does not exist"
DELETED = "No response was found for the provided response id"
# Whoever waits is woken by an event, or by the heartbeat that renews leases.
_HEARTBEAT_WAKES_S = 3600.0
# Longer than anything takes that has begun to read the response.
_DELETED_FOR = timedelta(days=1)
_BATCH = 1000


def get_response(developer: Developer, reference: str) -> StoredResponse:
    """The response with this id.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    response_id = parse_response_reference(reference)
    rows = StoredResponse.objects.for_developer(developer)
    row: StoredResponse | None = rows.filter(pk=response_id).first() if response_id else None
    if row is None:
        raise NotFound(UNKNOWN)
    if row.deleted_at is not None:
        raise NotFound(DELETED)
    return row


def begin_response(
    developer: Developer,
    response_id: UUID,
    body: Mapping[str, Json],
    *,
    items: list[Item],
    previous_id: UUID | None,
    include: tuple[str, ...],
) -> None:
    """Store a response that is being answered, or waits for it."""
    seconds = settings.LEASE_SECONDS if body["status"] == ResponseStatus.IN_PROGRESS else settings.RING_AGAIN_SECONDS
    StoredResponse.objects.create(
        id=response_id,
        developer=developer,
        previous_id=previous_id,
        status=body["status"],
        body=body,
        input_items=items,
        include=list(include),
        lease_until=_from_now(seconds),
    )


def claim_response(response_id: UUID) -> StoredResponse | None:
    """Take a queued response to answer it; None when it is not queued (any more)."""
    with transaction.atomic():
        rows = StoredResponse.objects.select_for_update(of=("self",)).select_related("developer")
        row: StoredResponse | None = rows.filter(pk=response_id, status=ResponseStatus.QUEUED).first()
        if row is None:
            return None
        row.status = ResponseStatus.IN_PROGRESS
        row.body = {**row.body, "status": ResponseStatus.IN_PROGRESS.value}
        row.attempts += 1
        row.save(update_fields=["status", "body", "attempts"])
        StoredResponse.objects.filter(pk=response_id).update(lease_until=_from_now(settings.LEASE_SECONDS))
        transaction.on_commit(partial(publish, topic(response_id)))
    return row


def queue_again(row: StoredResponse) -> None:
    """Put a background response back into the queue. The caller holds the row's lock."""
    StoredResponse.objects.filter(pk=row.pk).update(
        status=ResponseStatus.QUEUED,
        body={**row.body, "status": ResponseStatus.QUEUED.value},
        lease_until=_from_now(settings.RING_AGAIN_SECONDS),
    )


def end_response(response_id: UUID, body: Mapping[str, Json]) -> dict[str, Json]:
    """Record how a response ended, once. Returns the response as it is now: cancelling wins, and so does an end that
    was recorded before."""
    with transaction.atomic():
        row = StoredResponse.objects.select_for_update().get(pk=response_id)
        if row.status in OPEN:
            row.status, row.body = body["status"], dict(body)
        elif row.status == ResponseStatus.CANCELLED and not row.body["output"]:
            row.body = {**row.body, "output": body["output"], "usage": body["usage"]}
        row.lease_until = None
        row.save(update_fields=["status", "body", "lease_until"])
        transaction.on_commit(partial(publish, topic(response_id)))
    return dict(row.body)


def cancel_response(developer: Developer, reference: str) -> StoredResponse:
    """End a response that is being answered; one that has ended stays as it is.

    Raises:
        NotFound
    """
    found = get_response(developer, reference)
    with transaction.atomic():
        row: StoredResponse = StoredResponse.objects.select_for_update().get(pk=found.pk)
        _cancel(row)
    return row


def delete_response(developer: Developer, reference: str) -> StoredResponse:
    """Hide a response, ending it first. Later ones that follow it keep working; `prune_responses` removes it.

    Raises:
        NotFound
    """
    found = get_response(developer, reference)
    with transaction.atomic():
        row: StoredResponse = StoredResponse.objects.select_for_update().get(pk=found.pk)
        _cancel(row)
        StoredResponse.objects.filter(pk=row.pk, deleted_at=None).update(deleted_at=Now())
    return row


def prune_responses() -> int:
    """Remove responses that were deleted a day ago and that none follows. Returns how many.

    Of a deleted conversation the last one goes first, so it goes whole. May be interrupted and run at any time.
    """
    followed = Exists(StoredResponse.objects.filter(previous=OuterRef("pk")))
    due = StoredResponse.objects.filter(~followed, deleted_at__lt=Now() - _DELETED_FOR)
    pruned = 0
    while ids := list(due.values_list("pk", flat=True)[:_BATCH]):
        StoredResponse.objects.filter(pk__in=ids).delete()
        pruned += len(ids)
    return pruned


def _cancel(row: StoredResponse) -> None:
    if row.status not in OPEN:
        return
    row.status = ResponseStatus.CANCELLED
    row.body = {**row.body, "status": ResponseStatus.CANCELLED.value}
    row.lease_until = None
    row.save(update_fields=["status", "body", "lease_until"])
    transaction.on_commit(partial(publish, topic(row.pk)))


async def wait_until_ended(response_id: UUID) -> None:
    """Return when somebody else has ended the response."""
    with HUB.listening(topic(response_id)) as listener:
        while await run_query(partial(_is_open, response_id)):
            await listener.wait(_HEARTBEAT_WAKES_S)


def _is_open(response_id: UUID) -> bool:
    return StoredResponse.objects.filter(pk=response_id, status__in=OPEN).exists()


def renew_leases(response_ids: list[UUID]) -> None:
    """Lengthen the leases of open responses, and wake those of this process that ended without hearing of it."""
    rows = StoredResponse.objects.filter(pk__in=response_ids, status=ResponseStatus.IN_PROGRESS)
    with transaction.atomic():
        held = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
        StoredResponse.objects.filter(pk__in=held).update(lease_until=_from_now(settings.LEASE_SECONDS))
    for response_id in set(response_ids).difference(rows.values_list("pk", flat=True)):
        HUB.wake(topic(response_id))


KEEPER: LeaseKeeper[UUID] = LeaseKeeper("response-keeper", renew_leases)


def topic(response_id: UUID) -> str:
    """What news of a response are announced under."""
    return f"response:{response_id}"


def _from_now(seconds: int) -> CombinedExpression:
    return Now() + timedelta(seconds=seconds)
