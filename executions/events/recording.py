"""Records events, and reads them. Each write is one transaction, limited to one developer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.models import Developer
from executions.crashpoints import crashpoint
from executions.engine.dispatch import dispatcher
from executions.events.handing_out import EVENT_QUEUE
from executions.events.models import Event, EventSource
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest
from julep_project.core.ids import uuid7
from julep_project.core.rates.limits import Limits
from julep_project.core.rates.windows import take
from julep_project.core.reading.jsontext import NotStorable, to_json_text
from julep_project.core.tenancy import get_or_not_found
from tasks.steps.event_names import problem_of_key, problem_of_name


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What is to be recorded."""

    name: str
    data: Mapping[str, Any]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event, and whether it is new: its key may have been recorded before."""

    event: Event
    is_new: bool


def check_event(new: NewEvent) -> None:
    """Refuse what is no event.

    Raises:
        BadRequest: its name is not one or the platform's own, or its data are too large.
    """
    problem = problem_of_name(new.name) or (None if new.key is None else problem_of_key(new.key))
    if problem is not None:
        raise BadRequest(problem[0].upper() + problem[1:])
    try:
        size = len(to_json_text([new.name, new.key, new.data]).encode())
    except NotStorable as error:
        raise BadRequest(f"The event cannot be stored: {error}") from None
    if size > settings.MAX_EVENT_BYTES:
        raise BadRequest(
            f"The event is {size} bytes; the limit is {settings.MAX_EVENT_BYTES} (setting MAX_EVENT_BYTES)"
        )


def count_event(developer: Developer) -> None:
    """Count one event more of the developer's.

    Raises:
        TooManyRequests: there were as many in the last minute as are allowed.
    """
    if settings.EVENTS_PER_MINUTE:
        take(developer.pk, "events", Limits(0, settings.EVENTS_PER_MINUTE, 0, 0), is_stream=False)


@transaction.atomic
def record_event(*, developer: Developer, new: NewEvent, source: EventSource, source_id: str = "") -> Recorded:
    """Record an event, and have it handed out to those that wait for it once it is there for all.

    A key that is recorded already gives the event that was recorded first, as it is.

    Raises:
        BadRequest: as `check_event`.
    """
    check_event(new)
    event = Event(
        id=uuid7(),
        developer=developer,
        name=new.name,
        key=new.key,
        data=dict(new.data),
        source=source,
        source_id=source_id[:64],
        kept_until=DatabaseNow() + timedelta(days=settings.EVENT_DAYS),
    )
    Event.objects.bulk_create([event], ignore_conflicts=True)
    rows = Event.objects.for_developer(developer)
    stored: Event = rows.get(pk=event.pk) if new.key is None else rows.get(name=new.name, key=new.key)
    is_new = stored.pk == event.pk
    if is_new:
        told = {"name": stored.name, "key": stored.key, "source": stored.source}
        record(developer.pk, Act(Verb.CREATE, ObjectKind.EVENT, stored.pk, stored.name, after=told))
        crashpoint("in_record", stored.pk)
        if EVENT_QUEUE.add(stored.pk, developer.pk):
            transaction.on_commit(partial(dispatcher().hand_out, stored.pk))
    return Recorded(stored, is_new)


def list_events(developer: Developer, *, name: str | None = None, key: str | None = None) -> "QuerySet[Event]":
    """The developer's events, of one name or key only if they are given."""
    wanted = {"name": name, "key": key}
    rows: QuerySet[Event] = Event.objects.for_developer(developer)
    return rows.filter(**{field: value for field, value in wanted.items() if value is not None})


def get_event(developer: Developer, event_id: UUID) -> Event:
    """One event.

    Raises:
        NotFound
    """
    event: Event = get_or_not_found(list_events(developer), event_id, "Event")
    return event
