"""Docs in chats: whose they are, who is told of them, and what looking them up costs."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from agents.llm.own.scripted import ScriptedModel, scripted_model
from agents.models import ModelUsage
from docs_store.embedding import embed_due
from tests.chat.conftest import Talk, messages
from tests.loopback.model_server import EMBEDDING_SIZE, ModelServer, failure, tool_call

BY_TEXT = {"mode": "text"}
TOLD = "{% for doc in docs %}[{{ doc.title }}: {{ doc.content[0] }}]{% endfor %}"
StoreDoc = Callable[..., str]


@pytest.fixture
def embedder(model_server: ModelServer, settings: Any) -> ModelServer:
    settings.EMBEDDING_MODEL = "text-embedding-3-small"
    settings.EMBEDDING_DIMENSIONS = EMBEDDING_SIZE
    return model_server


@pytest.fixture
def store_doc(talk: Talk) -> StoreDoc:
    """Stores a doc of an owner; embeds it if wanted."""

    def store(path: str, title: str, *, content: str = "", embedded: bool = False, **fields: Any) -> str:
        body = {"title": title, "content": content or f"tides of {title}", **fields}
        answer = talk.api.post(f"{path}/docs", body)
        assert answer.status_code == 201, answer.json()
        doc_id = str(answer.json()["id"])
        if embedded:
            embed_due(doc_id=UUID(doc_id))
        return doc_id

    return store


def _titles(answer: dict[str, Any]) -> list[str]:
    return sorted(doc["title"] for doc in answer["docs"])


def _system(model: ScriptedModel, number: int = -1) -> str:
    return str(model.requests[number].messages[0]["content"])


def test_docs_are_in_the_answer_and_in_every_chunk(talk: Talk, store_doc: StoreDoc) -> None:
    agent = talk.agent(default_system_template=TOLD)
    doc = store_doc(f"/agents/{agent}", "sea", metadata={"depth": 10**30})
    session = talk.session(agent, recall_options=BY_TEXT)
    with scripted_model(["They turn at noon"] * 2) as model:
        answer = talk.ask(session, "Tell me about tides", recall=True)
        events = talk.listen(session, "Tell me about tides", recall=True)
    assert _system(model) == "[sea: tides of sea]"
    assert [found["id"] for found in answer["docs"]] == [doc]
    assert answer["docs"][0]["metadata"] == {"depth": 10**30}
    assert len(events) > 2
    assert all(event["docs"] == events[0]["docs"] for event in events)
    shown = [{**events[0]["docs"][0], "distance": None}]  # more was said by then, so the doc fits it less
    assert shown == [{**answer["docs"][0], "distance": None}]


def test_what_a_doc_says_is_no_template(talk: Talk, store_doc: StoreDoc) -> None:
    agent = talk.agent(default_system_template=TOLD, metadata={"secret": "s3cr3t"})
    trap = "tides {{ agent.metadata.secret }}{{ a.b.c }}{% for"
    store_doc(f"/agents/{agent}", "{{ agent.name }}", content=trap)
    session = talk.session(agent, recall_options=BY_TEXT)
    with scripted_model(["ok"] * 2) as model:
        talk.ask(session, "tides", recall=True)
        talk.ask(session, "tides again", recall=True)
    assert [_system(model, number) for number in range(2)] == [f"[{{{{ agent.name }}}}: {trap}]"] * 2


def test_each_agent_is_told_of_the_docs_of_the_users_and_its_own(talk: Talk, store_doc: StoreDoc) -> None:
    ada, bob = (talk.agent(name=name, default_system_template=TOLD) for name in ("Ada", "Bob"))
    users = [talk.api.post("/users", {"name": name}).json()["id"] for name in ("Cy", "Di", "Eve")]
    for path, title in ((f"/agents/{ada}", "ada"), (f"/agents/{bob}", "bob")):
        store_doc(path, title)
    for user, title in zip(users, ("cy", "di", "eve"), strict=True):
        store_doc(f"/users/{user}", title)
    session = talk.session(ada, bob, users=users[:2], recall_options=BY_TEXT)
    with scripted_model(["one", "two"] * 2) as model:
        answer = talk.ask(session, "tides", recall=True)
        events = talk.listen(session, "tides", recall=True)
    for number, own, other in ((0, "ada", "bob"), (1, "bob", "ada")):
        assert all(f"[{title}:" in _system(model, number) for title in (own, "cy", "di"))
        assert not any(f"[{title}:" in _system(model, number) for title in (other, "eve"))
    assert _titles(answer) == ["ada", "bob", "cy", "di"]
    assert all(_titles(event) == _titles(answer) for event in events)
    with scripted_model(["it is me"]):
        assert _titles(talk.ask(session, "tides", agent=bob, recall=True)) == ["bob", "cy", "di"]


def test_a_chat_embeds_once_however_many_answer(talk: Talk, store_doc: StoreDoc, embedder: ModelServer) -> None:
    agents = {name: talk.agent(name=name) for name in ("Ada", "Bob")}
    for name, agent in agents.items():
        store_doc(f"/agents/{agent}", name, content="tides", embedded=True)
    session = talk.session(*agents.values())
    embedder.requests.clear()
    with scripted_model(["one", "two"]):
        answer = talk.ask(session, "tides", recall=True)
    assert _titles(answer) == ["Ada", "Bob"]
    assert [body["input"] for body in embedder.embeddings] == [["tides"]]
    (row,) = ModelUsage.objects.filter(model="text-embedding-3-small").order_by("-created_at")[:1]
    assert (row.metadata["session_id"], row.metadata["chat_id"]) == (session, answer["id"])


@pytest.mark.parametrize(
    "body", [{"recall": False}, {"recall": True, "messages": [{"role": "system", "content": "x"}]}]
)
def test_nothing_is_embedded_when_there_is_nothing_to_look_for(
    talk: Talk, store_doc: StoreDoc, embedder: ModelServer, body: dict[str, Any]
) -> None:
    agent = talk.agent()
    store_doc(f"/agents/{agent}", "sea", embedded=True)
    embedder.requests.clear()
    with scripted_model(["ok"]):
        answer = talk.ask(talk.session(agent), **{"messages": messages("tides"), **body})
    assert (answer["docs"], embedder.embeddings) == ([], [])


@pytest.mark.parametrize("ending", ["chat", "render"])
def test_the_callers_key_is_for_the_model_only(
    talk: Talk, store_doc: StoreDoc, embedder: ModelServer, ending: str
) -> None:
    agent = talk.agent(model="gpt-4o-mini")
    store_doc(f"/agents/{agent}", "sea", content="tides", embedded=True)
    session = talk.session(agent)
    embedder.requests.clear()
    headers = {"X-Custom-Api-Key": "sk-mine"}
    if ending == "chat":
        answer = talk.ask(session, "tides", recall=True, headers=headers)
    else:
        answer = talk.api.post(f"/sessions/{session}/render", {"message": "tides"}, headers=headers).json()
    assert _titles(answer) == ["sea"]
    sent = {request.path.split("/v1/")[1]: request.headers["authorization"] for request in embedder.requests}
    expected = {"embeddings": "Bearer sk-loopback-key"}
    assert sent == (expected if ending == "render" else {**expected, "chat/completions": "Bearer sk-mine"})


def test_what_tools_answered_does_not_push_out_what_was_said(talk: Talk, store_doc: StoreDoc) -> None:
    agent = talk.agent()
    store_doc(f"/agents/{agent}", "sea")
    talk.tool(agent, name="ask", type="function", function={"parameters": {"type": "object"}})
    session = talk.session(agent, recall_options=BY_TEXT)
    made = [tool_call("ask", {}, id=f"c{number}")["tool_calls"][0] for number in range(6)]
    results = [{"role": "tool", "tool_call_id": one["id"], "content": "nothing"} for one in made]
    with scripted_model([{"tool_calls": made}, "I see"]):
        talk.ask(session, "Tell me about tides", recall=True)
        assert _titles(talk.ask(session, messages=results, recall=True)) == ["sea"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_embedding_model_that_fails_ends_the_chat(
    talk: Talk, store_doc: StoreDoc, embedder: ModelServer, stream: bool
) -> None:
    agent = talk.agent()
    store_doc(f"/agents/{agent}", "sea", embedded=True)
    session = talk.session(agent)
    embedder.script_embeddings(failure(503, "overloaded"))
    with scripted_model([]):
        response = talk.chat(session, "tides", recall=True, stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "llm_api_error")
    assert talk.said(session) == []
