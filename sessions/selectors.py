"""Reads of sessions, always limited to one developer."""

from uuid import UUID

from django.db.models import QuerySet

from agents.models import Developer, Tool
from julep_project.core.tenancy import get_or_not_found
from sessions.models import Session


def list_sessions(developer: Developer) -> "QuerySet[Session]":
    """Every session, each with its links to agents and users."""
    return Session.objects.for_developer(developer).prefetch_related("agent_links", "user_links")


def get_session(developer: Developer, session_id: UUID) -> Session:
    """One session with its links to agents and users.

    Raises:
        NotFound: there is none, or it is another developer's.
    """
    return get_or_not_found(list_sessions(developer), session_id, "Session")


def list_session_tools(developer: Developer, session_id: UUID) -> "QuerySet[Tool]":
    """The tools of all agents of a session.

    Raises:
        NotFound: there is no such session.
    """
    session = get_or_not_found(Session.objects.for_developer(developer), session_id, "Session")
    return Tool.objects.for_developer(developer).filter(agent__in=session.agent_links.values("agent"))
