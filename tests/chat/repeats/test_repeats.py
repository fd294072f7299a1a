"""What is repeated, by clients or after a crash, and must not happen twice."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import OperationalError, connection

from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from agents.tools.errors import BadArguments, Delivery, ToolError
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from docs_store.models import Doc
from julep_project.core.errors import ModelUnavailable
from julep_project.devservices.loopback import Reply
from sessions.history import turns
from sessions.models import Session, Turn
from tests.chat.conftest import LONGEST_WAIT_S, Talk, until
from tests.chat.tools.test_calls import calls
from tests.loopback.web_server import WebServer

CHAT = {"name": "say", "type": "system", "system": {"resource": "session", "operation": "chat"}}


@pytest.fixture
def agent(talk: Talk, web_server: WebServer, settings: Any) -> str:
    """An agent with a tool that changes something: `buy`."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    web_server.script("/buy", Reply(200, {"bought": True}))
    agent = talk.agent()
    talk.tool(agent, name="buy", type="api_call", api_call={"method": "POST", "url": f"{web_server.url}/buy"})
    talk.tool(agent, name="ask", type="function", function={"parameters": {"type": "object"}})
    return agent


def _developer(session: str) -> Developer:
    return Session.objects.get(pk=session).developer


def _say(session: str, text: str = "Hi", *, key: str = "k", **arguments: Any) -> Any:
    """One attempt of a step that chats."""
    return run_tool(
        Caller(_developer(session), key), WantedCall(CHAT, {"session_id": session, "message": text, **arguments})
    )


@pytest.mark.parametrize("text", ["", "Buying. "])
def test_a_model_that_fails_after_tools_have_run(talk: Talk, agent: str, web_server: WebServer, text: str) -> None:
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([{"content": text, **calls(("c1", "buy", {}))}, ModelUnavailable("later")] * 2):
        whole = talk.chat(session, "Hi")
        streamed = talk.listen(session, "Hi") if text else talk.chat(session, "Hi", stream=True)
    error = {"message": "later", "code": "llm_api_error", "type": "LLMServiceError"}
    assert (whole.status_code, whole.headers["x-should-retry"]) == (502, "false")
    assert whole.json() == {"error": error}
    if isinstance(streamed, list):
        assert streamed[-1] == {"error": {**error, "should_retry": False}}
    else:
        assert (streamed.headers["x-should-retry"], streamed.json()) == ("false", {"error": error})
    assert len(web_server.requests) == 2
    assert talk.said(session) == []
    assert set(Turn.objects.values_list("status", flat=True)) == {"cancelled"}


def test_a_model_that_fails_before_any_tool_may_be_asked_again(talk: Talk, agent: str) -> None:
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([ModelUnavailable("later")]):
        response = talk.chat(session, "Hi")
    assert response.status_code == 502
    assert "x-should-retry" not in response.headers


def test_tools_of_an_earlier_agent_count(talk: Talk, agent: str) -> None:
    session = talk.session(agent, talk.agent(), auto_run_tools=True)
    with scripted_model([calls(("c1", "buy", {})), "done", ModelUnavailable("later")]):
        response = talk.chat(session, "Hi")
    assert (response.status_code, response.headers["x-should-retry"]) == (502, "false")


def test_a_database_that_is_busy_when_the_chat_is_saved(
    talk: Talk, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError from psycopg.OperationalError("gone")

    session = talk.session(agent, auto_run_tools=True)
    monkeypatch.setattr("sessions.history.entries.finish_turn", fail)
    with scripted_model([calls(("c1", "buy", {})), "done", "no tools"]):
        after_tools, without = talk.chat(session, "Hi"), talk.chat(session, "Hi")
    assert (after_tools.status_code, after_tools.headers["x-should-retry"]) == (503, "false")
    assert (without.status_code, without.headers.get("x-should-retry")) == (503, None)


def test_a_step_is_not_repeated_by_itself_once_tools_have_run(talk: Talk, agent: str) -> None:
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([ModelUnavailable("later"), calls(("c1", "buy", {})), ModelUnavailable("later")]):
        with pytest.raises(ToolError) as early:
            _say(session)
        with pytest.raises(ToolError) as late:
            _say(session)
    assert (early.value.retryable, early.value.delivery) == (True, Delivery.NOT_SENT)
    assert (late.value.retryable, late.value.repeatable, late.value.delivery) == (False, True, Delivery.ANSWERED)


@pytest.mark.parametrize("save", [True, False])
def test_a_chat_that_is_repeated_gives_the_answer_it_gave(
    talk: Talk, agent: str, web_server: WebServer, save: bool
) -> None:
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([{"content": "Buying", **calls(("c1", "buy", {}))}, "Bought"]) as model:
        first = _say(session, save=save)
        again = _say(session, save=save)
    assert again == first
    assert first["choices"][0]["message"]["content"] == "Bought"
    assert (len(model.requests), len(web_server.requests)) == (2, 1)
    assert [role for role, _ in talk.said(session)] == (["user", "assistant", "tool", "assistant"] if save else [])
    assert Turn.objects.filter(status="finished").count() == 1


def test_another_key_or_session_is_another_chat(talk: Talk) -> None:
    session, other = talk.session(), talk.session()
    with scripted_model(["one", "two", "three"]):
        said = [_say(session, key="1"), _say(session, key="2"), _say(other, key="1")]
    assert [answer["choices"][0]["message"]["content"] for answer in said] == ["one", "two", "three"]
    assert len(talk.said(session)) == 4


def test_a_repeated_chat_does_not_disturb_the_chat_that_runs(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["one"]):
        first = _say(session)
    turns.enter_turn(_developer(session), UUID(session))
    assert _say(session, on_busy="reject") == first


def test_an_attempt_that_was_thought_to_be_lost_answers_the_next_one(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["one"]):
        first = _say(session)
    # As if the first attempt had not finished yet when the second one came.
    Turn.objects.update(status="running")
    with ThreadPoolExecutor(1) as pool, scripted_model([]):
        second = pool.submit(_in_thread, session)
        asyncio.run(until(lambda: Turn.objects.filter(status="waiting")))
        Turn.objects.filter(status="running").update(status="finished")
        turns.publish(f"session:{session}")
        assert second.result(LONGEST_WAIT_S) == first
    assert sorted(Turn.objects.values_list("status", flat=True)) == ["cancelled", "finished"]


def _in_thread(session: str) -> Any:
    try:
        return _say(session)
    finally:
        connection.close()


def test_an_interrupted_chat_stays_interrupted(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["one"]):
        _say(session)
    Turn.objects.update(answer=None, stop="keep")
    with scripted_model([]), pytest.raises(BadArguments, match="interrupted"):
        _say(session)


def test_keys_of_a_repeated_chat_are_the_same_for_the_same_calls(talk: Talk, agent: str, web_server: WebServer) -> None:
    session = talk.session(agent, auto_run_tools=True)
    same, other = calls(("c1", "buy", {"n": 1})), calls(("c1", "buy", {"n": 2}))
    for made in (same, same, other):
        with scripted_model([made, ModelUnavailable("later")]), pytest.raises(ToolError):
            _say(session)
    first, second, third = (request.headers["idempotency-key"] for request in web_server.requests)
    assert first == second != third


def test_a_history_that_is_cleared_takes_the_answers_along(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["my secret"]):
        _say(session)
    assert talk.api.delete(f"/sessions/{session}/history").status_code == 202
    assert "secret" not in str(list(Turn.objects.values()))
    with scripted_model(["again"]):
        assert _say(session)["choices"][0]["message"]["content"] == "again"


def test_a_session_of_another_tenant_is_refused_like_a_missing_one(talk: Talk) -> None:
    session = talk.session()
    stranger = Developer.objects.create(email="stranger@example.com")
    errors = []
    with scripted_model([]) as model:
        for unknown in (session, str(uuid4())):
            with pytest.raises(BadArguments) as refused:
                run_tool(Caller(stranger, "k"), WantedCall(CHAT, {"session_id": unknown, "message": "Hi"}))
            errors.append(refused.value.message)
    assert errors[0] == errors[1] == "Session not found"
    assert (model.requests, Turn.objects.count()) == ([], 0)


def test_an_answer_is_not_given_to_another_tenant(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["one"]):
        _say(session)
    turn = Turn.objects.get()
    stranger = Developer.objects.create(email="stranger@example.com")
    assert turn.chat_id is not None
    assert turns.find_answer(stranger, turn.session_id, turn.chat_id) is None


@pytest.mark.parametrize("role", ["agent", "user"])
def test_a_doc_is_created_once(talk: Talk, role: str) -> None:
    owner = talk.agent() if role == "agent" else talk.api.post("/users", {"name": "Bea"}).json()["id"]
    tool = {"name": "t", "type": "system", "system": {"resource": role, "subresource": "doc", "operation": "create"}}
    arguments = {f"{role}_id": owner, "title": "Tides", "content": ["High at noon"]}
    developer = Developer.objects.get()
    first, again = (run_tool(Caller(developer, "k"), WantedCall(tool, arguments)) for _ in range(2))
    assert first == again
    assert Doc.objects.count() == 1
    with pytest.raises(ToolError):
        run_tool(Caller(developer, "other"), WantedCall(tool, arguments))


def test_a_tool_is_added_once(talk: Talk) -> None:
    agent = talk.agent()
    tool = {
        "name": "t",
        "type": "system",
        "system": {"resource": "agent", "subresource": "tool", "operation": "create"},
    }
    arguments = {"agent_id": agent, "name": "f", "type": "function", "function": {}}
    developer = Developer.objects.get()
    first, again = (run_tool(Caller(developer, "k"), WantedCall(tool, arguments)) for _ in range(2))
    assert first == again
    assert [one["id"] for one in talk.api.get(f"/agents/{agent}/tools").json()["items"]] == [first["id"]]
    with pytest.raises(ToolError):
        run_tool(Caller(developer, "other"), WantedCall(tool, arguments))
