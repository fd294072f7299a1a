"""Reads of task definitions, always limited to one tenant."""

from functools import lru_cache
from uuid import UUID

from django.db.models import F, QuerySet

from agents.models import Agent, Developer
from julep_project.core.errors import NotFound
from tasks.models import Task, TaskVersion


def get_task(developer: Developer, task_id: UUID, *, agent: Agent | None = None) -> Task:
    """One task; with `agent`, only if it is that agent's.

    Raises:
        NotFound: there is none, or it is another tenant's or agent's.
    """
    tasks = Task.objects.for_developer(developer).filter(pk=task_id)
    task: Task | None = (tasks.filter(agent=agent) if agent else tasks).first()
    if task is None:
        raise NotFound("Task not found")
    return task


def list_tasks(developer: Developer, agent: Agent) -> QuerySet[Task]:
    return Task.objects.for_developer(developer).filter(agent=agent)


def with_versions(tasks: list[Task]) -> list[tuple[Task, TaskVersion]]:
    """Each task with its current version, read at once; one that was removed in the meantime is left out."""
    found = TaskVersion.objects.filter(task__in=tasks, number=F("task__version_number"))
    versions = {version.task_id: version for version in found.defer("program")}
    return [(task, versions[task.pk]) for task in tasks if task.pk in versions]


def current_version(task: Task) -> TaskVersion:
    """The current version of one task.

    Raises:
        NotFound: the task was removed in the meantime.
    """
    for _, version in with_versions([task]):
        return version
    raise NotFound("Task not found")


@lru_cache(maxsize=256)
def version_of(task_id: UUID, number: int) -> TaskVersion:
    """A version of a task without its program; kept per process, since versions never change.

    Raises:
        NotFound: there is none.
    """
    version = TaskVersion.objects.filter(task_id=task_id, number=number).defer("program").first()
    if version is None:
        raise NotFound("Task not found")
    return version


def find_task(agent: Agent, *, task_id: UUID | None, canonical_name: str | None, name: str) -> Task | None:
    """The task of the agent a definition without an address means: by id, else by canonical name, else by name."""
    tasks = Task.objects.filter(agent=agent)
    if task_id is not None:
        found = tasks.filter(pk=task_id)
    elif canonical_name is not None:
        found = tasks.filter(canonical_name__iexact=canonical_name)
    else:
        found = tasks.filter(name=name).order_by("-created_at", "-id")
    task: Task | None = found.first()
    return task
