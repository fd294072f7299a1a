"""What of a developer is shown by MCP: all but what says in its metadata that it is not."""

from django.db.models import Q, QuerySet

from agents.models import Agent, Developer
from docs_store.models import Doc
from tasks.models import Task

AGENT_PREFIX, TASK_PREFIX = "agent_", "task_"
_HIDDEN = {"mcp": False}


def agents_of(developer: Developer) -> "QuerySet[Agent]":
    agents: QuerySet[Agent] = Agent.objects.for_developer(developer).exclude(metadata__contains=_HIDDEN)
    return agents


def tasks_of(developer: Developer) -> "QuerySet[Task]":
    tasks: QuerySet[Task] = Task.objects.for_developer(developer).exclude(metadata__contains=_HIDDEN)
    return tasks


def docs_of(developer: Developer) -> "QuerySet[Doc]":
    """Docs of users, and of the agents that are shown."""
    docs: QuerySet[Doc] = Doc.objects.for_developer(developer)
    return docs.filter(Q(agent__in=agents_of(developer)) | Q(user__isnull=False))
