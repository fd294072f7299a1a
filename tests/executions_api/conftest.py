"""Fixtures of the tests of runs over HTTP. Runs go through the in-process engine."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Agent, Developer, Project
from executions.models import Execution
from tests.api_client import ApiClient
from tests.executions.conftest import make_branch
from tests.executions_api.forking import MAIN, Forking
from tests.executions_api.retrying import MENDED, Json, Retrying
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

MISSING = "01900000-0000-7000-8000-000000000000"

DOUBLE: dict[str, Any] = {
    "main": [{"evaluate": {"n": "$ _.n * 2"}, "label": "double"}, {"evaluate": {"n": "$ _.n + 1"}}],
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
}
ASK: dict[str, Any] = {"main": [{"wait_for_input": {"info": {"q": "$ _.q"}}}, {"evaluate": {"answer": "$ _"}}]}
ASK_TWICE: dict[str, Any] = {
    "main": [
        {
            "over": "$ ['a', 'b']",
            "map": {"wait_for_input": {"info": {"who": "$ _"}}},
            "parallelism": 2,
        }
    ]
}


@pytest.fixture
def api(flow: FlowRunner) -> ApiClient:
    return flow.api


@pytest.fixture
def make_task(flow: FlowRunner) -> Callable[[dict[str, Any]], str]:
    """Creates a task; its id."""

    def make(task: dict[str, Any]) -> str:
        answer = flow.create(task)
        assert answer.status_code == 201, answer.json()
        return str(answer.json()["id"])

    return make


@pytest.fixture
def double(make_task: Callable[[dict[str, Any]], str]) -> str:
    """A task of two steps with an input schema."""
    return make_task(DOUBLE)


@pytest.fixture
def waiting(flow: FlowRunner, make_task: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    """A run with one open wait."""
    execution = flow.start(make_task(ASK), {"q": "who?"})
    assert execution["status"] == "awaiting_input", execution
    return execution


@pytest.fixture
def waiting_twice(flow: FlowRunner, make_task: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    """A run with two open waits."""
    execution = flow.start(make_task(ASK_TWICE), {})
    assert execution["status"] == "awaiting_input", execution
    return execution


@pytest.fixture
def retrying(
    flow: FlowRunner, web_server: WebServer, settings: Any, django_capture_on_commit_callbacks: Any
) -> Retrying:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    return Retrying(flow, web_server, django_capture_on_commit_callbacks)


@pytest.fixture
def forking(retrying: Retrying, django_capture_on_commit_callbacks: Any) -> Forking:
    return Forking(retrying, django_capture_on_commit_callbacks)


@pytest.fixture
def said(forking: Forking) -> Json:
    """A run that has asked a model."""
    run = forking.retrying.run(MAIN, MENDED, input={"n": 1})
    assert run["output"] == {"said": "Say 2"}
    return run


@pytest.fixture
def foreign_execution(db: None) -> Execution:
    """A run of another tenant."""
    stranger = Developer.objects.create(email="stranger@example.com")
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    agent = Agent.objects.create(developer=stranger, project=project, name="Eve", canonical_name="eve")
    return make_branch(stranger, agent).execution


def tokens(flow: FlowRunner, execution_id: str) -> list[str]:
    """Task tokens of a run's waits, oldest first."""
    return [row["metadata"]["task_token"] for row in flow.log(execution_id) if row["type"] == "wait"]
