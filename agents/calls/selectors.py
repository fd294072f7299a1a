"""Reads of records of calls. Operators read those of all developers; with `developer_id`, only that one's."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from agents.calls.models import Call, CallText
from agents.calls.texts import ids_in, unpacked
from julep_project.core.errors import NotFound

MOST_CALLS = 1000
MOST_BYTES = 2 * 1024 * 1024
# Stands in the place of a text that is not shown.
OMITTED = "$omitted"
_TOO_MUCH, _GONE = "the messages are too large together", "it is not kept any more"
# What lists do not need of a record.
_LARGE = ("request", "response", "pieces", "rest", "context")


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A record with what it refers to. Of `messages` that are not shown there is an object with the key `$omitted`;
    the last ones are shown first. `sizes` are the bytes of each message."""

    call: Call
    request: Any
    response: Any
    messages: list[Any]
    sizes: list[int]
    tools: list[Any]
    context: Any


def list_calls(
    *,
    execution_id: UUID | None = None,
    session_id: UUID | None = None,
    response_id: UUID | None = None,
    key: str | None = None,
    developer_id: UUID | None = None,
    after: Call | None = None,
    limit: int = MOST_CALLS,
) -> list[Call]:
    """Calls of a run, a session or a response in the order in which they began; those of one effect with its `key`.

    Without what they were asked and answered. `after`: those that follow this one.
    """
    rows: QuerySet[Call] = Call.objects.defer(*_LARGE).order_by("started_at", "id")
    given = {
        "execution_id": execution_id,
        "session_id": session_id,
        "response_id": response_id,
        "key": key,
        "developer": developer_id,
    }
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    if after is not None:
        rows = rows.filter(started_at__gte=after.started_at).exclude(started_at=after.started_at, id__lte=after.pk)
    return list(rows[: min(limit, MOST_CALLS)])


def newest_calls(
    *,
    kind: str | None = None,
    name: str | None = None,
    status: str | None = None,
    developer_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = MOST_CALLS,
) -> list[Call]:
    """Calls of whatever kind, those that ended last first, without what they were asked and answered. `before`: those
    that follow this one in the list."""
    given = {"kind": kind, "name": name, "status": status, "developer": developer_id, "pk__lt": before}
    rows = Call.objects.filter(**{column: value for column, value in given.items() if value is not None})
    return list(rows.defer(*_LARGE).order_by("-id")[: min(limit, MOST_CALLS)])


def show_call(call_id: UUID, *, developer_id: UUID | None = None, most_bytes: int = MOST_BYTES) -> ShownCall:
    """One call with its messages put together.

    Raises:
        NotFound: there is no such record, or not any more.
    """
    rows = Call.objects.all() if developer_id is None else Call.objects.filter(developer=developer_id)
    call = rows.filter(pk=call_id).first()
    if call is None:
        raise NotFound("Call not found")
    ids = _messages_of(call)
    sizes = dict(CallText.objects.filter(pk__in={*ids, *_tools_of(call)}).values_list("pk", "size"))
    chosen = _chosen(ids, sizes, most_bytes)
    texts = _texts([*chosen, *_tools_of(call)])
    return ShownCall(
        call=call,
        request=json.loads(call.request),
        response=None if call.response is None else json.loads(call.response),
        messages=[_shown(text_id, texts, sizes) for text_id in ids],
        sizes=[sizes.get(text_id, 0) for text_id in ids],
        tools=json.loads(texts[call.tools]) if call.tools is not None and call.tools in texts else [],
        context=None if call.context is None else json.loads(call.context),
    )


def _tools_of(call: Call) -> list[UUID]:
    return [] if call.tools is None else [call.tools]


def _messages_of(call: Call) -> list[UUID]:
    """Ids of all messages, as far as their lists are there."""
    pieces = _texts(call.pieces)
    return [text_id for piece in call.pieces for text_id in ids_in(pieces.get(piece, b""))] + list(call.rest)


def _chosen(ids: list[UUID], sizes: dict[UUID, int], most_bytes: int) -> list[UUID]:
    """The messages that are shown: the last ones, as many as fit."""
    chosen: dict[UUID, None] = {}
    for text_id in reversed(ids):
        if text_id not in chosen:
            most_bytes -= sizes.get(text_id, 0)
            if most_bytes < 0:
                break
            chosen[text_id] = None
    return list(chosen)


def _shown(text_id: UUID, texts: dict[UUID, bytes], sizes: dict[UUID, int]) -> Any:
    if text_id in texts:
        return json.loads(texts[text_id])
    return {OMITTED: _TOO_MUCH if text_id in sizes else _GONE}


def _texts(ids: Iterable[UUID]) -> dict[UUID, bytes]:
    rows = CallText.objects.filter(pk__in=list(ids)).values_list("pk", "content", "is_packed")
    return {text_id: unpacked(content, is_packed=is_packed) for text_id, content, is_packed in rows}
