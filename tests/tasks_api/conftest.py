"""Fixtures of the tests of tasks over HTTP."""

from typing import Any

import pytest

from agents.models import Agent, Developer, Project
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"
MAIN: list[Any] = [{"evaluate": {"n": "$ _.n + 1"}}]


@pytest.fixture
def tasks(agent: dict[str, Any]) -> str:
    """Where the agent's tasks are."""
    return f"/agents/{agent['id']}/tasks"


@pytest.fixture
def task(api: ApiClient, tasks: str) -> dict[str, Any]:
    """A task as the API shows it."""
    body: dict[str, Any] = api.post(tasks, {"name": "Count", "canonical_name": "count", "main": MAIN}).json()
    return body


@pytest.fixture
def foreign_agent(stranger: Developer) -> Agent:
    """An agent of another tenant."""
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    return Agent.objects.create(developer=stranger, project=project, name="Eve", canonical_name="eve")
