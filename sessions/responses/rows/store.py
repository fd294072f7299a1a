"""Rows of responses: begun before the model is asked, ended once, hidden when deleted, removed later."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, JSONField, OuterRef, Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from julep_project.core.database import run_query
from julep_project.core.errors import NotFound
from julep_project.core.json_value import Json
from julep_project.core.live.events import HUB, publish
from julep_project.core.work.lease import Held, Leases, lease_end
from julep_project.core.work.queued import Queued
from sessions.responses.models import ResponseStatus, StoredResponse
from sessions.responses.rows.conversation_items import add_turn
from sessions.responses.wire.body import ended_body
from sessions.responses.wire.ids import parse_conversation_reference, parse_response_reference
from sessions.responses.wire.request import ResponseRequest

ANSWER = "sessions.answer_response"
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
    row: StoredResponse | None = rows.filter(pk=response_id).defer("input_items").first() if response_id else None
    if row is None:
        raise NotFound(UNKNOWN)
    if row.deleted_at is not None:
        raise NotFound(DELETED)
    return row


def find_answer(developer: Developer, response_id: UUID) -> StoredResponse | None:
    """The response with this id, unless it failed or whoever answered it was lost."""
    answered = Q(status__in=(ResponseStatus.COMPLETED, ResponseStatus.INCOMPLETE))
    in_background = Q(status__in=OPEN, body__background=True)
    rows = StoredResponse.objects.for_developer(developer).filter(answered | in_background, pk=response_id)
    found: StoredResponse | None = rows.filter(deleted_at=None).defer("input_items").first()
    return found


def is_free(response_id: UUID) -> bool:
    """Whether no response has this id."""
    return not StoredResponse.objects.filter(pk=response_id).exists()


def begin_response(
    developer: Developer, response_id: UUID, body: Mapping[str, Json], request: ResponseRequest
) -> Held | bool:
    """Store a response. The right to end it if the caller answers it, else whether to ring for a worker that does."""
    held = Held(response_id, 1) if body["status"] == ResponseStatus.IN_PROGRESS else None
    with transaction.atomic():
        StoredResponse.objects.create(
            id=response_id,
            developer=developer,
            previous_id=request.previous_id,
            status=body["status"],
            body=body,
            input_items=request.items,
            include=list(request.include),
            version=held.version if held else 0,
            lease_until=lease_end() if held else None,
        )
        return held or QUEUED.add(response_id, developer.pk)


def claim_response(response_id: UUID) -> tuple[StoredResponse, Held] | None:
    """Take a response that waits for a worker, or was lost by one; None when there is nothing to do."""
    running = ResponseStatus.IN_PROGRESS
    held = LEASES.claim(response_id, status=running, body=body_with({"status": running.value}))
    if held is None:
        return None
    publish(topic(response_id))
    return StoredResponse.objects.select_related("developer").get(pk=response_id), held


def body_with(fields: Mapping[str, Json]) -> CombinedExpression:
    """The body as it lies in the database with these fields in it, which is not read for that."""
    return CombinedExpression(F("body"), "||", Value(dict(fields), JSONField()), output_field=JSONField())


def end_response(held: Held, body: Mapping[str, Json]) -> dict[str, Json]:
    """Record how a response ended, once. Returns the response as it is now: cancelling wins, and so does an end that
    was recorded before, and whoever has claimed it since. Where the row is gone, as with its developer, nothing is
    recorded. Its conversation gets what was asked and answered in the same transaction."""
    with transaction.atomic():
        row = _locked(held.key)
        if row is None:
            return dict(body)
        if row.status in OPEN and row.version == held.version:
            LEASES.end(held, status=body["status"], body=dict(body))
            row.body = dict(body)
            conversation_id = conversation_of(body)
            if conversation_id is not None:
                add_turn(conversation_id, row.input_items, body)
        elif row.status == ResponseStatus.CANCELLED and not row.body["output"]:
            row.body = {**row.body, "output": body["output"], "usage": body["usage"]}
            row.save(update_fields=["body"])
        transaction.on_commit(partial(publish, topic(held.key)))
    return dict(row.body)


def conversation_of(body: Mapping[str, Json]) -> UUID | None:
    """The conversation that a response is a part of."""
    named = body.get("conversation") or {}
    return parse_conversation_reference(named["id"]) if named else None


def end_lost(held: Held) -> None:
    """End a response whose connection died with its server."""
    error = {"code": "server_error", "message": "the server that was answering was lost"}
    failed = ended_body({}, status=ResponseStatus.FAILED.value, output=(), usage=None, error=error)
    if LEASES.end(held, status=ResponseStatus.FAILED, body=body_with(failed)):
        publish(topic(held.key))


def cancel_response(developer: Developer, reference: str) -> StoredResponse:
    """End a response that is being answered; one that has ended stays as it is.

    Raises:
        NotFound
    """
    with transaction.atomic():
        return _cancelled(get_response(developer, reference))


def delete_response(developer: Developer, reference: str) -> StoredResponse:
    """Hide a response, ending it first. Later ones that follow it keep working; `prune_responses` removes it.

    Raises:
        NotFound
    """
    with transaction.atomic():
        row = _cancelled(get_response(developer, reference))
        StoredResponse.objects.filter(pk=row.pk, deleted_at=None).update(deleted_at=Now())
        record(developer.pk, Act(Verb.DELETE, ObjectKind.RESPONSE, row.pk))
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


def _locked(response_id: UUID) -> StoredResponse | None:
    rows = StoredResponse.objects.defer("input_items").select_for_update()
    row: StoredResponse | None = rows.filter(pk=response_id).first()
    return row


def _cancelled(found: StoredResponse) -> StoredResponse:
    """The row as it is now, locked, and at its end.

    Raises:
        NotFound: it was removed meanwhile.
    """
    row = _locked(found.pk)
    if row is None:
        raise NotFound(UNKNOWN)
    if row.status in OPEN:
        row.status = ResponseStatus.CANCELLED
        row.body = {**row.body, "status": ResponseStatus.CANCELLED.value}
        row.lease_until = None
        row.save(update_fields=["status", "body", "lease_until"])
        transaction.on_commit(partial(publish, topic(row.pk)))
    return row


async def wait_until_ended(
    response_id: UUID, *, held: Held | None = None, look_every_s: float = _HEARTBEAT_WAKES_S
) -> None:
    """Return when the response has ended, or is not `held` any more."""
    with HUB.listening(topic(response_id)) as listener:
        while await run_query(partial(_is_open, response_id, held)):
            await listener.wait(look_every_s)


def _is_open(response_id: UUID, held: Held | None) -> bool:
    if held is not None:
        return LEASES.is_held([held])
    return StoredResponse.objects.filter(pk=response_id, status__in=OPEN).exists()


def _hand_back(held: list[Held]) -> None:
    """Others answer those in the background. The others go with their connections."""
    kept = StoredResponse.objects.filter(pk__in=[one.key for one in held], body__background=True)
    in_background = set(kept.values_list("pk", flat=True))
    for one in held:
        if one.key not in in_background:
            end_lost(one)
        elif LEASES.wait(one, counted=False):
            QUEUED.ring(one.key)


def _wake(response_ids: list[UUID]) -> None:
    for response_id in response_ids:
        HUB.wake(topic(response_id))


def topic(response_id: UUID) -> str:
    """What news of a response are announced under."""
    return f"response:{response_id}"


LEASES = Leases(
    StoredResponse,
    Q(status__in=OPEN),
    waiting={"status": ResponseStatus.QUEUED, "body": body_with({"status": ResponseStatus.QUEUED.value})},
    hand_back=_hand_back,
    disturbed=_wake,
)
QUEUED = Queued(LEASES, task=ANSWER)
