"""Fixtures of the tests of sessions over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Agent, Developer, Project, User
from sessions.models import Session, SessionAgent
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"
Json = dict[str, Any]


@pytest.fixture
def user(api: ApiClient) -> Json:
    """A user as the API shows it."""
    body: Json = api.post("/users", {"name": "Ada", "about": "likes tea"}).json()
    return body


@pytest.fixture
def open_session(api: ApiClient, agent: Json) -> Callable[..., Json]:
    """Creates a session with the agent; fields as keywords."""

    def make(**fields: Any) -> Json:
        fields.setdefault("agent", agent["id"])
        if "agents" in fields:
            del fields["agent"]
        answer = api.post("/sessions", fields)
        assert answer.status_code == 201, answer.json()
        body: Json = answer.json()
        return body

    return make


@pytest.fixture
def session(open_session: Callable[..., Json]) -> Json:
    """A session with the agent."""
    return open_session()


@pytest.fixture
def foreign_session(stranger: Developer) -> Session:
    """A session of another tenant."""
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    their_agent = Agent.objects.create(developer=stranger, project=project, name="Eve", canonical_name="eve")
    User.objects.create(developer=stranger, project=project, name="theirs")
    theirs = Session.objects.create(developer=stranger, situation="theirs")
    SessionAgent.objects.create(session=theirs, agent=their_agent, position=0)
    return theirs


def messages_of(session: Json) -> str:
    """The path of a session's messages."""
    return f"/sessions/{session['id']}/messages"
