"""Writes of sessions. Each is one transaction, limited to one developer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents.llm.choice import resolve_model
from agents.models import Agent, Developer, User
from agents.policy.influence import current_sources
from agents.policy.sources import in_order
from agents.resource_services import ResourceServices, Values
from docs_store.recall_options import complete_recall_options
from julep_project.core.errors import BadRequest
from julep_project.core.tenancy import get_or_not_found
from sessions import selectors
from sessions.context.conversation import session_agents
from sessions.context.reading import sources_of_messages
from sessions.history.entries import new_entry, save_entries
from sessions.models import Entry, EntrySource, Session, SessionAgent, SessionUser
from sessions.shortening.overflow import request_after_message
from sessions.wire import SESSION_FIELDS


class SessionServices(ResourceServices[Session]):
    """Writes of sessions. The participants, which `values` name as `agents` and `users`, are fixed when one is made: a
    BadRequest where they do not exist. A chat that runs on a session which is removed ends without an answer stored."""

    model = Session
    fields = tuple(name for name in SESSION_FIELDS if name != "summary")
    merged = ("metadata", "recall_options")

    def rows(self, developer: Developer) -> "QuerySet[Session]":
        return selectors.list_sessions(developer)

    def create_or_replace(self, *, developer: Developer, row_id: UUID, values: Values) -> Session:
        _check_participants(developer, values, "create or update")
        return super().create_or_replace(developer=developer, row_id=row_id, values=values)

    def insert(self, row: Session, values: Values) -> None:
        _check_participants(row.developer, values, "create")
        if row.recall_options is not None:
            row.recall_options = complete_recall_options(row.recall_options)
        row.sources = in_order(current_sources())
        row.save(force_insert=True)
        links: dict[str, Any] = {"agent": SessionAgent, "user": SessionUser}
        for role, link in links.items():
            ids = enumerate(values[f"{role}s"])
            link.objects.bulk_create(link(session=row, position=place, **{f"{role}_id": one}) for place, one in ids)

    def prepare_change(self, row: Session, columns: dict[str, Any]) -> None:
        if columns.get("recall_options") is not None:
            columns["recall_options"] = complete_recall_options(columns["recall_options"])
        # What a tool writes here, prompts are made of. Of a session of which nothing is known it is so already.
        if (given := current_sources()) and not (row.sources is None and row.entry_count):
            columns["sources"] = in_order({*(row.sources or ()), *given})


def append_message(
    *, developer: Developer, session_id: UUID, message: Mapping[str, Any], entry_id: UUID | None = None
) -> tuple[Entry, UUID | None]:
    """Store one message as it is, without asking a model. Returns it with the job that shortens the history, if any.

    Under an id that is given, once: an earlier attempt's message is given back.

    Raises:
        NotFound: there is no such session.
    """
    session = selectors.get_session(developer, session_id)
    agent = next(iter(session_agents(session)), None)
    model = resolve_model(None, agent)
    entry = new_entry(message, source=EntrySource.API_REQUEST, model=model)
    with transaction.atomic():
        if entry_id is not None:
            # Messages of a session are stored one after another: whoever came first with this id has it.
            get_or_not_found(Session.objects.select_for_update(no_key=True), session_id, "Session")
            if before := Entry.objects.filter(session=session, pk=entry_id).first():
                return before, None
            entry.pk = entry_id
        [stored] = save_entries(session_id, [entry], sources=sources_of_messages([message]))
        return stored, request_after_message(session, model)


def _check_participants(developer: Developer, values: Values, operation: str) -> None:
    for model, ids in ((Agent, values["agents"]), (User, values["users"])):
        if model.objects.for_developer(developer).filter(pk__in=ids).count() != len(ids):
            text = "The specified participant ID is invalid for the given participant type during"
            raise BadRequest(f"{text} {operation}")
