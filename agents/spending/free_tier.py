"""How many sessions, and executions of one task, developers of the free tier may have."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from agents.models import Developer
from agents.spending.limits import is_free
from julep_project.core.database import has_more_than
from julep_project.core.errors import Forbidden


def check_sessions(developer: Developer, sessions: "QuerySet[Any]") -> None:
    """Refuse a chat of a developer of the free tier with too many sessions. No more of these are counted than it takes.

    Raises:
        Forbidden
    """
    most = settings.MAX_FREE_SESSIONS
    if is_free(developer) and has_more_than(sessions, most):
        raise Forbidden(f"Session limit exceeded: the free tier allows {most} sessions")


def check_executions(developer: Developer, executions: Callable[[], "QuerySet[Any]"]) -> None:
    """Refuse to start another run of a task, in the same way. For others the query is not even built.

    Raises:
        Forbidden
    """
    most = settings.MAX_FREE_EXECUTIONS
    if is_free(developer) and has_more_than(executions(), most):
        raise Forbidden(f"Execution limit exceeded: the free tier allows {most} executions of a task")
