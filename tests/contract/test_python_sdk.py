"""The published Python client, unchanged, against a running server."""

from typing import Any
from uuid import uuid4

import pytest
from julep import Julep, NotFoundError, PermissionDeniedError

from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until

DOUBLE = {
    "name": "Double",
    "main": [{"evaluate": {"n": "$ _.n * 2"}, "label": "double"}, {"evaluate": {"n": "$ _.n + 1"}}],
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
}


@pytest.fixture
def agent(client: Julep) -> Any:
    return client.agents.create(name="Ada", about="Counts.", model="offline/echo", metadata={"a": 1, "b": {"c": True}})


@pytest.fixture
def task(client: Julep, agent: Any) -> Any:
    return client.tasks.create(agent.id, **DOUBLE)


def test_agents(client: Julep, agent: Any) -> None:
    assert client.agents.get(agent.id).name == "Ada"
    assert agent.created_at == agent.updated_at
    assert client.agents.update(agent.id, name="Bea").about == "Counts."
    assert client.agents.reset(agent.id, name="Cid").about == ""
    assert client.agents.create_or_update(agent.id, name="Dan").id == agent.id
    deleted = client.agents.delete(agent.id)
    assert (deleted.id, deleted.jobs) == (agent.id, [])
    with pytest.raises(NotFoundError):
        client.agents.get(agent.id)


def test_agent_lists_end_and_filter(client: Julep, agent: Any) -> None:
    others = [client.agents.create(name=f"agent {n}") for n in range(4)]

    assert [found.id for found in client.agents.list(limit=2)] == [other.id for other in reversed(others)] + [agent.id]
    assert [found.id for found in client.agents.list(metadata_filter={"a": 1, "b": {"c": True}})] == [agent.id]


def test_models(client: Julep) -> None:
    assert "offline/echo" in [model.id for model in client.agents.list_models().models]


def test_agent_tools(client: Julep, agent: Any) -> None:
    tool = client.agents.tools.create(
        agent.id, name="ask", type="function", function={"parameters": {"type": "object"}}
    )
    assert [found.id for found in client.agents.tools.list(agent.id)] == [tool.id]
    changed = client.agents.tools.update(tool.id, agent_id=agent.id, description="Asks.")
    assert (changed.name, changed.description) == ("ask", "Asks.")
    call = {"method": "GET", "url": "https://example.com"}
    assert (
        client.agents.tools.reset(tool.id, agent_id=agent.id, name="get", type="api_call", api_call=call).name == "get"
    )
    client.agents.tools.delete(tool.id, agent_id=agent.id)
    assert list(client.agents.tools.list(agent.id)) == []


def test_tasks(client: Julep, agent: Any, task: Any) -> None:
    assert client.tasks.get(task.id).name == "Double"
    assert task.main[0].kind == "evaluate"
    assert [found.id for found in client.tasks.list(agent.id)] == [task.id]
    again = client.tasks.create_or_update(task.id, agent_id=agent.id, name="Twice", main=DOUBLE["main"])
    assert (again.id, again.name) == (task.id, "Twice")
    fresh = client.tasks.create_or_update(str(uuid4()), agent_id=agent.id, **DOUBLE)
    assert fresh.id != task.id


def test_a_sub_workflow_travels_as_an_extra_key(client: Julep, agent: Any) -> None:
    made = client.tasks.create(
        agent.id, name="two", main=[{"log": "hi"}], extra_body={"helper": [{"evaluate": {"x": "$ 1"}}]}
    )

    assert client.tasks.get(made.id).helper[0]["evaluate"] == {"x": "$ 1"}


def test_executions_and_transitions(client: Julep, task: Any, backend: Backend) -> None:
    execution = client.executions.create(task.id, input={"n": 4})
    assert execution.status == "queued"

    text = client.executions.transitions.stream(execution.id)
    assert '"finish"' in str(text)
    wait_for_end(execution.id, backend)

    ended = client.executions.get(execution.id)
    assert (ended.status, ended.output, ended.transition_count) == ("succeeded", {"n": 9}, 3)
    assert client.executions.status.get(execution.id).status == "succeeded"
    assert [found.id for found in client.executions.list(task.id)] == [execution.id]
    transitions = list(client.executions.transitions.list(execution.id, limit=2))
    assert [row.type for row in transitions] == ["finish", "step", "init"]
    assert transitions[1].step_label == "double"
    one = client.executions.transitions.retrieve(transitions[0].id, execution_id=execution.id)
    assert (one.id, one.output) == (transitions[0].id, {"n": 9})


def test_status_stream(client: Julep, task: Any) -> None:
    execution = client.executions.create(task.id, input={"n": 4})

    with client.executions.status.with_streaming_response.stream(execution.id) as response:
        events = [line for line in response.iter_lines() if line.startswith("data: ")]

    assert '"succeeded"' in events[-1]


def test_change_status(client: Julep, agent: Any, backend: Backend) -> None:
    task = client.tasks.create(agent.id, name="ask", main=[{"wait_for_input": {"info": {"q": "$ 'who'"}}}])
    execution = client.executions.create(task.id, input={})
    wait_until(lambda: client.executions.get(execution.id).status == "awaiting_input", 30, backend)

    client.executions.change_status(execution.id, status="running", input={"a": 1})
    assert wait_for_end(execution.id, backend).output == {"a": 1}

    second = client.executions.create(task.id, input={})
    wait_until(lambda: client.executions.get(second.id).status == "awaiting_input", 30, backend)
    client.executions.change_status(second.id, status="cancelled", reason="enough")
    assert client.executions.get(second.id).status == "cancelled"


def test_a_wrong_key_is_refused(backend: Backend) -> None:
    with Julep(api_key="wrong", base_url=backend.url, max_retries=0) as client, pytest.raises(PermissionDeniedError):
        list(client.agents.list())


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_both_prefixes_answer(backend: Backend, prefix: str) -> None:
    with Julep(api_key=API_KEY, base_url=backend.url + prefix, max_retries=0) as client:
        assert list(client.agents.list()) == []


def test_health(client: Julep) -> None:
    assert client.healthz.check() is not None
