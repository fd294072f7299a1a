"""Sessions, their history and rendered prompts through the published Python client, against running processes."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from julep import BadRequestError, Julep, NotFoundError, UnprocessableEntityError

from tests.api_client import API_KEY
from tests.backend import Backend


@pytest.fixture
def agent(client: Julep) -> Any:
    return client.agents.create(name="Ada", model="offline/echo", instructions=["Be brief."])


@pytest.fixture
def user(client: Julep) -> Any:
    return client.users.create(name="Bob", about="Sails.")


def test_every_verb(client: Julep, agent: Any, user: Any) -> None:
    session = client.sessions.create(agent=agent.id, user=user.id, situation="At sea", metadata={"a": 1})
    assert session.created_at == session.updated_at
    assert (session.situation, session.render_templates, session.kind) == ("At sea", True, "single_agent_single_user")
    assert (session.agent, session.users) == (agent.id, [user.id])  # type: ignore[attr-defined]

    changed = client.sessions.update(
        session.id, token_budget=500, context_overflow="truncate", auto_run_tools=True, metadata={"b": 2}
    )
    assert (changed.situation, changed.token_budget, changed.metadata) == ("At sea", 500, {"a": 1, "b": 2})
    reset = client.sessions.reset(session.id, situation="Ashore")
    assert (reset.token_budget, reset.auto_run_tools, reset.metadata) == (None, False, {})
    again = client.sessions.create_or_update(session.id, agent=agent.id, system_template="Hi")
    assert (again.id, again.system_template, again.situation) == (session.id, "Hi", None)
    fresh = client.sessions.create_or_update(str(uuid4()), agents=[agent.id])
    assert client.sessions.get(fresh.id).id == fresh.id

    deleted = client.sessions.delete(session.id)
    assert (deleted.id, deleted.jobs) == (session.id, [])
    with pytest.raises(NotFoundError):
        client.sessions.get(session.id)


def test_lists_end_and_filter(client: Julep, agent: Any) -> None:
    made = [client.sessions.create(agent=agent.id, metadata={"n": n}) for n in range(5)]
    assert [found.id for found in client.sessions.list(limit=2)] == [session.id for session in reversed(made)]
    assert [found.id for found in client.sessions.list(metadata_filter={"n": 3})] == [made[3].id]


def test_recall_options(client: Julep, agent: Any) -> None:
    session = client.sessions.create(agent=agent.id, recall_options={"mode": "hybrid", "alpha": 0.2})
    assert (session.recall_options.mode, session.recall_options.alpha) == ("hybrid", 0.2)  # type: ignore[union-attr]
    changed = client.sessions.update(session.id, recall_options={"limit": 3})
    assert (changed.recall_options.limit, changed.recall_options.alpha) == (3, 0.2)  # type: ignore[union-attr]


def test_participants_that_are_none(client: Julep, agent: Any) -> None:
    for wanted in ({"agent": str(uuid4())}, {"agent": agent.id, "user": str(uuid4())}, {}):
        with pytest.raises(BadRequestError):
            client.sessions.create(**wanted)  # type: ignore[arg-type]
    with pytest.raises(UnprocessableEntityError):
        client.sessions.create(agent="ada")


def test_history(client: Julep, agent: Any, backend: Backend) -> None:
    session = client.sessions.create(agent=agent.id)
    empty = client.sessions.history(session.id)
    assert (empty.session_id, empty.entries, empty.relations) == (session.id, [], [])

    said = {"role": "user", "content": [{"type": "text", "text": "Ahoy"}]}
    headers = {"Authorization": f"Bearer {API_KEY}"}
    stored = httpx.post(f"{backend.url}/sessions/{session.id}/messages", json=said, headers=headers)
    assert stored.status_code == 201

    [entry] = client.sessions.history(session.id).entries
    assert (entry.id, entry.role, entry.source) == (stored.json()["id"], "user", "api_request")
    assert entry.content[0].text == "Ahoy"  # type: ignore[index, union-attr]
    assert entry.token_count > 0
    with pytest.raises(NotFoundError):
        client.sessions.history(str(uuid4()))


def test_render(client: Julep, agent: Any, user: Any) -> None:
    client.agents.tools.create(agent.id, name="look", type="function", function={"parameters": {"type": "object"}})
    session = client.sessions.create(agent=agent.id, user=user.id)
    rendered = client.sessions.render(
        session.id,
        messages=[{"role": "user", "content": "{{ user.name }} and {{ metadata.x }}"}],
        metadata={"x": "{{ 1 }}"},
        recall=False,
    )
    assert [message.role for message in rendered.messages] == ["system", "user"]
    assert "You are Ada." in str(rendered.messages[0].content)
    assert rendered.messages[1].content == "Bob and {{ 1 }}"
    assert [tool.name for tool in rendered.tools or ()] == ["look"]
    assert rendered.docs == []
    with pytest.raises(BadRequestError, match="Template syntax error"):
        client.sessions.render(session.id, messages=[{"role": "user", "content": "{% if %}"}])
