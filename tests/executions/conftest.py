"""A run with its main branch, made straight in the database."""

from typing import Any

import pytest

from agents.models import Agent, Developer, Project
from executions.engine.frame import Frame
from executions.models import Branch, Execution
from julep_project.core.ids import uuid7
from tasks.models import Task, TaskVersion


@pytest.fixture
def agent(developer: Developer) -> Agent:
    return make_agent(developer)


def make_agent(developer: Developer) -> Agent:
    project = Project.objects.get(developer=developer, canonical_name="default")
    return Agent.objects.create(developer=developer, project=project, name="Ada", canonical_name=f"a{uuid7().hex}")


def make_branch(developer: Developer, agent: Agent, **fields: Any) -> Branch:
    """A queued execution of an empty program and its main branch."""
    task = Task.objects.create(developer=developer, agent=agent, name="t", canonical_name=f"t{uuid7().hex}")
    version = TaskVersion.objects.create(task=task, number=1, sha256="", dialect="dollar", program={}, source={})
    execution = Execution.objects.create(developer=developer, task=task, task_version=version)
    frame = Frame(path=["main"], scope=str(uuid7()), display="main", input={}, opening="init", closing="finish")
    return Branch.objects.create(execution=execution, stack=[frame.to_json()], **fields)


@pytest.fixture
def branch(developer: Developer, agent: Agent) -> Branch:
    return make_branch(developer, agent)


@pytest.fixture
def committed_branch(transactional_db: None) -> Branch:
    """One that other threads see."""
    developer = Developer.objects.get()
    return make_branch(developer, make_agent(developer))
