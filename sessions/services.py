"""Writes of sessions. Each is one transaction, limited to one developer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.llm.choice import resolve_model
from agents.models import Agent, Developer, User
from agents.services import create_or_replace
from docs_store.recall_options import complete_recall_options
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.models import completed
from sessions import selectors
from sessions.context.conversation import session_agents
from sessions.history.entries import new_entry, save_entries
from sessions.models import Entry, EntrySource, Session, SessionAgent, SessionUser
from sessions.shortening.overflow import request_after_message

Values = Mapping[str, Any]

_FIELDS = (
    "situation", "system_template", "render_templates", "auto_run_tools", "forward_tool_calls", "token_budget",
    "context_overflow", "on_busy", "recall_options", "metadata",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Participants:
    """Ids of the agents and users of a new session, in order, each once."""

    agents: tuple[UUID, ...]
    users: tuple[UUID, ...] = ()

    @classmethod
    def of(cls, agents: Iterable[UUID], users: Iterable[UUID]) -> "Participants":
        """The participants; whoever is named twice takes part once."""
        return cls(tuple(dict.fromkeys(agents)), tuple(dict.fromkeys(users)))


def create_session(
    *,
    developer: Developer,
    participants: Participants,
    values: Values,
    session_id: UUID | None = None,
    operation: str = "create",
) -> Session:
    """Create a session; what `values` leaves out gets its default.

    Raises:
        BadRequest: an agent or user does not exist, or is another developer's.
        IntegrityError: the id is in use.
    """
    session = Session(id=session_id or uuid7(), developer=developer, **_whole(values))
    with transaction.atomic():
        _check_participants(developer, participants, operation)
        session.save(force_insert=True)
        SessionAgent.objects.bulk_create(
            SessionAgent(session=session, agent_id=agent_id, position=position)
            for position, agent_id in enumerate(participants.agents)
        )
        SessionUser.objects.bulk_create(
            SessionUser(session=session, user_id=user_id, position=position)
            for position, user_id in enumerate(participants.users)
        )
    return selectors.get_session(developer, session.pk)


def replace_session(*, developer: Developer, session_id: UUID, values: Values) -> Session:
    """Overwrite the fields of a session; what `values` leaves out gets its default. Participants stay.

    Raises:
        NotFound: there is no such session.
    """
    return _update(developer, session_id, _whole(values))


def patch_session(*, developer: Developer, session_id: UUID, values: Values) -> Session:
    """Change what `values` names. Metadata and recall options are merged.

    Raises:
        NotFound: there is no such session.
    """
    changes = dict(values)
    with transaction.atomic():
        locked = Session.objects.for_developer(developer).select_for_update(no_key=True).filter(pk=session_id).first()
        if locked is None:
            raise NotFound("Session not found")
        if "metadata" in changes:
            changes["metadata"] = {**locked.metadata, **changes["metadata"]}
        if "recall_options" in changes:
            merged = {**(locked.recall_options or {}), **changes["recall_options"]}
            changes["recall_options"] = complete_recall_options(merged)
        return _update(developer, session_id, changes)


def create_or_replace_session(
    *, developer: Developer, session_id: UUID, participants: Participants, values: Values
) -> Session:
    """Overwrite the fields of the session with this id, or create it. Participants of one that exists stay.

    Raises:
        BadRequest: an agent or user does not exist, or is another developer's.
        NotFound: the id belongs to another developer.
    """
    operation = "create or update"
    _check_participants(developer, participants, operation)
    return create_or_replace(
        exists=selectors.list_sessions(developer).filter(pk=session_id).exists,
        create=lambda: create_session(
            developer=developer,
            participants=participants,
            values=values,
            session_id=session_id,
            operation=operation,
        ),
        replace=lambda: replace_session(developer=developer, session_id=session_id, values=values),
    )


def delete_session(*, developer: Developer, session_id: UUID) -> None:
    """Remove a session with everything that was said. A chat that runs on it ends without an answer stored.

    Raises:
        NotFound: there is no such session (any more).
    """
    removed, _ = Session.objects.for_developer(developer).filter(pk=session_id).delete()
    if not removed:
        raise NotFound("Session not found")


def append_message(*, developer: Developer, session_id: UUID, message: Mapping[str, Any]) -> tuple[Entry, UUID | None]:
    """Store one message as it is, without asking a model. Returns it with the job that shortens the history, if any.

    Raises:
        NotFound: there is no such session.
    """
    session = selectors.get_session(developer, session_id)
    agent = next(iter(session_agents(session)), None)
    model = resolve_model(None, agent)
    entry = new_entry(message, source=EntrySource.API_REQUEST, model=model)
    with transaction.atomic():
        [stored] = save_entries(session_id, [entry])
        return stored, request_after_message(session, model)


def _check_participants(developer: Developer, participants: Participants, operation: str) -> None:
    agents = Agent.objects.for_developer(developer).filter(pk__in=participants.agents)
    users = User.objects.for_developer(developer).filter(pk__in=participants.users)
    if not (_are_all(agents.count(), participants.agents) and _are_all(users.count(), participants.users)):
        raise BadRequest(f"The specified participant ID is invalid for the given participant type during {operation}")


def _are_all(found: int, wanted: Sequence[UUID]) -> bool:
    return found == len(wanted)


def _whole(values: Values) -> dict[str, Any]:
    whole = completed(Session, _FIELDS, values)
    if whole["recall_options"] is not None:
        whole["recall_options"] = complete_recall_options(whole["recall_options"])
    return whole


def _update(developer: Developer, session_id: UUID, changes: Values) -> Session:
    rows = Session.objects.for_developer(developer).filter(pk=session_id)
    if not rows.update(updated_at=DatabaseNow(), **changes):
        raise NotFound("Session not found")
    return selectors.get_session(developer, session_id)
