"""Every way to a model keeps an account, says what it was for, and ends at a limit."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.llm import gateway
from agents.llm.own.scripted import scripted_model
from agents.models import Agent, Developer, ModelUsage, UsageState
from agents.spending.models import SpendingTotal
from docs_store import embedding
from docs_store.models import DocEmbedding
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.database import execute
from tests.api_client import ApiClient
from tests.loopback.model_server import ModelServer
from tests.responses.conftest import ResponsesClient, events_of
from tests.responses.conftest import api as surfaces  # noqa: F401  a fixture
from tests.spending.test_ledger import limit

ASK = {"messages": [{"role": "user", "content": "Hi"}]}
FORM = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}}
CENT = Decimal("0.01")


class Surface:
    """Asks in one way; `calls` is how many calls of a model that makes."""

    def __init__(self, path: str, body: dict[str, Any], calls: int = 1) -> None:
        self.path, self.body, self.calls = path, body, calls

    def ask(self, client: ResponsesClient, session: str) -> Any:
        return client.send("POST", self.path.format(session=session), self.body)


CHAT = "/sessions/{session}/chat"
SURFACES = {
    "chat": Surface(CHAT, {**ASK, "recall": False}),
    "chat stream": Surface(CHAT, {**ASK, "recall": False, "stream": True}),
    "response": Surface("/responses", {"model": "m", "input": "Hi"}),
    "response stream": Surface("/responses", {"model": "m", "input": "Hi", "stream": True}),
    "completion": Surface("/v1/chat/completions", {"model": "m", **ASK}),
    "completion stream": Surface("/v1/chat/completions", {"model": "m", **ASK, "stream": True}),
    "asked a second time": Surface("/v1/chat/completions", {"model": "m", **ASK, **FORM}, calls=2),
}
VECTORS = {
    "embed": Surface("/embed", {"text": ["a"]}),
    "embeddings": Surface("/v1/embeddings", {"model": "text-embedding-3-small", "input": "a"}),
}


@pytest.fixture
def session(api: ApiClient, agent: dict[str, Any]) -> str:
    return str(api.post("/sessions", {"agent": agent["id"]}).json()["id"])


def said(surface: Surface) -> list[str]:
    return ["no JSON", "{}"] if surface.calls == 2 else ["Hello"]


@pytest.mark.parametrize("name", SURFACES)
def test_answers(
    surfaces: ResponsesClient,  # noqa: F811
    api: ApiClient,
    session: str,
    developer: Developer,
    name: str,
) -> None:
    surface = SURFACES[name]
    row = limit(developer, "0.015" if surface.calls == 2 else "0.01")
    with scripted_model(said(surface)) as model:
        assert surface.ask(surfaces, session).status_code in {200, 201}
        accounts = ModelUsage.objects.filter(state=UsageState.SETTLED)
        assert (accounts.count(), ModelUsage.objects.count()) == (surface.calls, surface.calls)
        total = SpendingTotal.objects.get(limit=row)
        assert (total.spent, total.reserved, total.unpriced) == (surface.calls * CENT, 0, surface.calls)
        if surface.path == CHAT:
            agent_row = Agent.objects.get()
            told = {"session_id": UUID(session), "agent_id": agent_row.pk, "project_id": agent_row.project_id}
            assert accounts.values(*told).get() == told
        asked = len(model.requests)
        refused = surface.ask(surfaces, session)
        if name == "response stream":
            # It has begun by then.
            failed = events_of(refused)[-1]
            assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", "cost_limit_exceeded")
        else:
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (403, "cost_limit_exceeded")
            assert (error["message"], error["limits"][0]["left"]) == ("Cost limit exceeded", 0)
        assert len(model.requests) == asked
    assert api.get(f"/sessions/{session}").status_code == 200
    assert ModelUsage.objects.count() == surface.calls


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(
    surfaces: ResponsesClient,  # noqa: F811
    session: str,
    developer: Developer,
    model_server: ModelServer,
    settings: Any,
    name: str,
) -> None:
    settings.EMBEDDING_MODEL, surface = "text-embedding-3-small", VECTORS[name]
    row = limit(developer, "0.00000001")
    assert surface.ask(surfaces, session).status_code == 200
    account = ModelUsage.objects.get()
    assert account.cost is not None and account.cost > 0
    assert SpendingTotal.objects.get(limit=row).spent == account.cost
    assert surface.ask(surfaces, session).json()["error"]["code"] == "cost_limit_exceeded"
    assert len(model_server.embeddings) == 1


def test_the_recall_of_a_chat(
    surfaces: ResponsesClient,  # noqa: F811
    api: ApiClient,
    agent: dict[str, Any],
    session: str,
    developer: Developer,
    model_server: ModelServer,
    settings: Any,
) -> None:
    settings.EMBEDDING_MODEL = "text-embedding-3-small"
    assert api.post(f"/agents/{agent['id']}/docs", {"title": "Tides", "content": "High at noon"}).status_code == 201
    with scripted_model(["Hello"]):
        assert surfaces.send("POST", f"/sessions/{session}/chat", ASK).status_code == 201
    accounts = ModelUsage.objects.filter(session_id=session, agent_id=agent["id"])
    assert accounts.count() == 2
    assert accounts.filter(model="text-embedding-3-small").count() == 1


def test_docs_wait_for_their_vectors_at_a_limit(
    api: ApiClient, agent: dict[str, Any], developer: Developer, model_server: ModelServer, settings: Any
) -> None:
    settings.EMBEDDING_MODEL = "text-embedding-3-small"
    row = limit(developer, "0", scope="agent", scope_id=UUID(agent["id"]))
    doc = api.post(f"/agents/{agent['id']}/docs", {"title": "Tides", "content": "High at noon"}).json()
    embedding.embed_due(doc_id=UUID(doc["id"]))
    waits = DocEmbedding.objects.get()
    assert (waits.state, waits.attempts, waits.error) == ("pending", 0, "Cost limit exceeded")
    assert not model_server.embeddings
    row.amount = Decimal(1)
    row.save()
    execute("UPDATE docs_store_docembedding SET due_at = now()")
    embedding.embed_due(doc_id=UUID(doc["id"]))
    assert DocEmbedding.objects.get().state != "pending"
    account = ModelUsage.objects.get()
    assert (account.agent_id, account.project_id) == (UUID(agent["id"]), Agent.objects.get().project_id)


def test_the_key_of_who_asks(developer: Developer) -> None:
    key = uuid4()
    row = limit(developer, "0.01", "api_key", key)
    with scripted_model(["Hello"] * 2), acting_as(Actor(ActorKind.KEY, str(key))):
        gateway.complete(developer, model="m", messages=ASK["messages"])
        with pytest.raises(Exception, match="Cost limit exceeded"):
            gateway.complete(developer, model="m", messages=ASK["messages"])
    assert ModelUsage.objects.get().key_id == key
    assert SpendingTotal.objects.get(limit=row).spent == CENT


@pytest.mark.parametrize(("error", "state"), [(RuntimeError, None), (SystemExit, UsageState.UNKNOWN)])
def test_a_call_that_fails_used_nothing_and_of_one_that_is_stopped_nobody_knows(
    developer: Developer, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], state: str | None
) -> None:
    def fail(request: Any) -> Any:
        raise error

    row = limit(developer, "1")
    monkeypatch.setattr(gateway, "_ask", fail)
    with pytest.raises(error):
        gateway.complete(developer, model="gpt-4o", messages=ASK["messages"], settings={"max_tokens": 100})
    assert list(ModelUsage.objects.values_list("state", flat=True)) == ([] if state is None else [state])
    total = SpendingTotal.objects.get(limit=row)
    assert (total.spent, total.reserved) == (0 if state is None else CENT, 0)


def test_of_two_bounds_the_longer_one_is_set_aside(developer: Developer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them a provider keeps to is its own affair."""
    aside = []

    def look(request: Any) -> Any:
        aside.append(SpendingTotal.objects.get(limit=row).reserved)
        raise RuntimeError

    row = limit(developer, "1")
    monkeypatch.setattr(gateway, "_ask", look)
    for bounds in (
        {"max_tokens": 900},
        {"max_tokens": 900, "max_completion_tokens": 1},
        {"max_tokens": 1, "max_completion_tokens": 900},
    ):
        with pytest.raises(RuntimeError):
            gateway.complete(developer, model="gpt-4o", messages=ASK["messages"], settings=bounds)
    assert len(aside) == 3 and len(set(aside)) == 1
