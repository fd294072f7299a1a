"""`/render` over HTTP. It reads the database on connections of its own, so rows are committed here."""

from collections.abc import Callable
from typing import Any

import pytest

from sessions.models import Entry, Session
from tests.api_client import ApiClient
from tests.sessions.conftest import MISSING, Json, messages_of

pytestmark = pytest.mark.django_db(transaction=True)

OpenSession = Callable[..., Json]


def _render(api: ApiClient, session: Json, text: str, **fields: Any) -> Any:
    return api.post(f"/sessions/{session['id']}/render", {"message": text, **fields})


def test_answer(api: ApiClient, session: Json) -> None:
    answer = _render(api, session, "I am {{ agent.name }}", tool_choice="none")
    assert answer.status_code == 200
    assert answer.json() == {
        "messages": [{"role": "system", "content": "You are Writer."}, {"role": "user", "content": "I am Writer"}],
        "docs": [],
        "tools": [],
        "tool_choice": "none",
    }
    assert not Entry.objects.exists()


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_template_error(api: ApiClient, session: Json, prefix: str) -> None:
    answer = api.post(f"{prefix}/sessions/{session['id']}/render", {"message": "a\n{{ nobody.name }}"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"] == (
        "Template undefined variable: nobody is not defined, so .name cannot be read (messages[0], line 2; "
        "names in scope: agent, agents, current_agent, docs, metadata, session, settings, tools, users)"
    )
    assert (error["code"], error["template"], error["line"]) == ("http_400", "messages[0]", 2)
    assert "session" in error["names"]


def test_too_big(api: ApiClient, open_session: OpenSession) -> None:
    answer = _render(api, open_session(token_budget=10), "x" * 400)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, "prompt_too_big", "PromptTooBigError")


def test_missing_and_foreign_sessions_look_alike(api: ApiClient, foreign_session: Session) -> None:
    for session_id in (MISSING, str(foreign_session.pk)):
        answer = _render(api, {"id": session_id}, "hi")
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Session not found")


def test_an_agent_that_does_not_take_part(api: ApiClient, session: Json) -> None:
    other = api.post("/agents", {"name": "Other"}).json()
    answer = _render(api, session, "hi", agent=other["id"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "http_400")
    assert answer.json()["error"]["message"] == f"Agent {other['id']} does not take part in this session"


def test_a_session_whose_agents_are_gone(api: ApiClient, agent: Json, session: Json) -> None:
    api.delete(f"/agents/{agent['id']}")
    answer = _render(api, session, "hi")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The session has no agent any more: they have been deleted"


def test_a_model_that_is_not_listed(api: ApiClient, session: Json, settings: Any) -> None:
    settings.MODELS = ["gpt-4.1"]
    answer = _render(api, session, "hi", model="gpt-99")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Model gpt-99 not available. Available models: [")


def test_a_stranger_learns_nothing(api: ApiClient, session: Json) -> None:
    answer = ApiClient(key=None).post(f"/sessions/{session['id']}/render", {})
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, "Could not validate API KEY")


def test_only_post(api: ApiClient, session: Json) -> None:
    assert api.get(f"/sessions/{session['id']}/render").status_code == 405


def _doc(api: ApiClient, path: str, title: str) -> None:
    assert (
        api.post(f"{path}/docs", {"title": title, "content": f"tides {{{{ agent.name }}}} {title}"}).status_code == 201
    )


def test_docs_of_all_users_and_the_agent_are_recalled(
    api: ApiClient, agent: Json, user: Json, open_session: OpenSession
) -> None:
    second = api.post("/users", {"name": "Bob"}).json()
    outsider = api.post("/users", {"name": "Eve"}).json()
    for owner, title in ((user, "ada"), (second, "bob"), (outsider, "eve")):
        _doc(api, f"/users/{owner['id']}", title)
    _doc(api, f"/agents/{agent['id']}", "writer")
    template = "{% for doc in docs %}[{{ doc.title }}: {{ doc.content[0] }}]{% endfor %}"
    session = open_session(users=[user["id"], second["id"]], system_template=template, recall_options={"mode": "text"})
    answer = _render(api, session, "tell me about tides").json()
    assert sorted(doc["title"] for doc in answer["docs"]) == ["ada", "bob", "writer"]
    assert "[ada: tides {{ agent.name }} ada]" in answer["messages"][0]["content"]
    without = _render(api, session, "tell me about tides", recall=False).json()
    assert (without["docs"], without["messages"][0]["role"]) == ([], "user")


def test_earlier_messages_are_part_of_what_is_recalled(api: ApiClient, agent: Json, open_session: OpenSession) -> None:
    _doc(api, f"/agents/{agent['id']}", "writer")
    session = open_session(recall_options={"mode": "text", "num_search_messages": 2})
    api.post(messages_of(session), {"role": "user", "content": "tides"})
    assert len(_render(api, session, "go on").json()["docs"]) == 1
    newest = [{"role": "user", "content": text} for text in ("go on", "please")]
    answer = api.post(f"/sessions/{session['id']}/render", {"messages": newest}).json()
    assert answer["docs"] == []
