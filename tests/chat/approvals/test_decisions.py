"""Chats whose tools a person agrees to first: the chat ends with what is asked, and goes on with what was decided."""

import asyncio
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from agents.audit.models import AuditRecord
from agents.llm.own.scripted import scripted_model
from agents.models import Agent
from julep_project.core.clock import now
from julep_project.core.errors import ModelUnavailable
from julep_project.devservices.loopback import Reply
from sessions.history.entries import new_entry, save_entries
from sessions.models import Entry, PendingRound, Session
from tests.chat.conftest import Talk
from tests.chat.tools.test_calls import calls
from tests.loopback.web_server import WebServer

PARAMETERS = {"type": "object", "properties": {"amount": {"type": "number"}, "to": {"type": "string"}}}
ANN, EVE = ("c1", "pay", {"amount": 5, "to": "Ann"}), ("c2", "pay", {"amount": 7, "to": "Eve"})
LOOK = ("c3", "look", {"to": "Bob"})


@pytest.fixture
def agent(talk: Talk, web_server: WebServer, settings: Any) -> str:
    """An agent that pays if people agree to it, and looks as it likes."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    for path in ("pay", "look"):
        web_server.script(f"/{path}", Reply(200, {"done": path}))
    agent = talk.agent()
    for name, more in (("pay", {"approval": "amount > 1"}), ("look", {})):
        spec = {"method": "POST", "url": f"{web_server.url}/{name}", "params_schema": PARAMETERS}
        talk.tool(agent, name=name, type="api_call", api_call={**spec, "include_response_content": False}, **more)
    return agent


@pytest.fixture
def session(talk: Talk, agent: str) -> str:
    return talk.session(agent, auto_run_tools=True)


def decisions(answer: dict[str, Any], *decided: str, **fields: Any) -> list[dict[str, Any]]:
    """What is sent about the calls of an answer, in order."""
    asked = zip(answer["requires_action"], decided, strict=True)
    return [{"id": one["id"], "hash": one["hash"], "decision": decision, **fields} for one, decision in asked]


def ask(talk: Talk, session: str, *made: Any, **body: Any) -> dict[str, Any]:
    with scripted_model([{"content": "Paying. ", **calls(*made)}]):
        return talk.ask(session, "Pay them", **body)


def refused(talk: Talk, session: str, approvals: Any, **body: Any) -> tuple[int, str]:
    """Status and code of a chat that goes on with these, and asks no model."""
    with scripted_model([]):
        response = talk.chat(session, approvals=approvals, **body)
    assert PendingRound.objects.filter(results__isnull=False).count() == 0
    return response.status_code, response.json()["error"]["code"]


def paths(server: WebServer) -> list[Any]:
    return [(request.path, request.json()["to"]) for request in server.requests]


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_ends_with_what_is_asked_and_goes_on(
    talk: Talk, session: str, web_server: WebServer, stream: bool
) -> None:
    with scripted_model([{"content": "Paying. ", **calls(ANN, LOOK, EVE)}]):
        asked = talk.listen(session, "Pay them")[-1] if stream else talk.ask(session, "Pay them")

    (choice,) = asked["choices"]
    assert (choice["finish_reason"], choice["tool_calls"]) == ("requires_action", None)
    first, second = asked["requires_action"]
    text = json.dumps(ANN[2], sort_keys=True, separators=(",", ":"))
    assert (first["tool"], first["arguments"], first["tool_call_id"]) == ("pay", ANN[2], "c1")
    assert first["hash"] == sha256(text.encode()).hexdigest()
    assert first["because"] == "approval" and "sources" not in first
    assert second["arguments"] == EVE[2] and first["expires_at"] > now().isoformat()
    assert web_server.requests == []
    # Whoever did not get the answer finds it here.
    assert talk.api.get(f"/sessions/{session}/history").json()["requires_action"] == asked["requires_action"]

    body = {"approvals": decisions(asked, "approve", "deny", reason="no Eve")}
    with scripted_model(["Paid"]) as model:
        answer = talk.listen(session, **body)[-1] if stream else talk.ask(session, **body)

    assert answer["choices"][0]["finish_reason"] == "stop" and "requires_action" not in answer
    assert sorted(paths(web_server)) == [("/look", "Bob"), ("/pay", "Ann")]
    told = [json.loads(message["content"]) for message in model.requests[0].messages if message["role"] == "tool"]
    assert [one.get("json") for one in told[:2]] == [{"done": "pay"}, {"done": "look"}]
    assert told[2] == {"error": "denied by a person: no Eve"}
    assert list(Entry.objects.filter(session_id=session).order_by("seq").values_list("role", "source")) == [
        ("user", "api_request"),
        ("assistant", "api_response"),
        *[("tool", "tool_response")] * 3,
        ("assistant", "api_response"),
    ]
    acts = AuditRecord.objects.filter(verb="resume", object_id=session)
    assert sorted((act.actor_kind, act.after["decision"], act.after["tool"]) for act in acts) == [
        ("internal", "approve", "pay"),
        ("internal", "deny", "pay"),
    ]
    assert "requires_action" not in talk.api.get(f"/sessions/{session}/history").json()
    # Approving twice.
    assert refused(talk, session, body["approvals"]) == (409, "approval_over")
    assert len(web_server.requests) == 2


def test_what_is_not_exactly_what_was_asked_is_refused(talk: Talk, session: str, agent: str) -> None:
    asked = ask(talk, session, ANN, EVE)
    right = decisions(asked, "approve", "approve")
    other = talk.session(agent, auto_run_tools=True)

    assert refused(talk, session, right[:1]) == (422, "validation_error")
    assert refused(talk, session, [*right, right[0]]) == (422, "validation_error")
    assert refused(talk, session, [{**right[0], "hash": right[1]["hash"]}, right[1]]) == (409, "approval_mismatch")
    assert refused(talk, session, [{**right[0], "id": other}, right[1]]) == (409, "approval_over")
    assert refused(talk, session, [{**right[0], "decision": "perhaps"}]) == (422, "validation_error")
    assert refused(talk, other, right) == (409, "approval_over")
    PendingRound.objects.update(expires_at=now() - timedelta(seconds=1))
    assert refused(talk, session, right) == (409, "approval_over")


@pytest.mark.parametrize("changed", ["said", "forgotten", "tool", "preset"])
def test_what_changed_since_is_not_called(
    talk: Talk, session: str, agent: str, web_server: WebServer, changed: str
) -> None:
    approvals = decisions(ask(talk, session, ANN), "approve")
    match changed:
        case "said":
            talk.api.post(f"/sessions/{session}/messages", {"role": "user", "content": "Wait!"})
        case "forgotten":
            assert talk.api.delete(f"/sessions/{session}/history").status_code < 300
        case "tool":
            path = f"/agents/{agent}/tools"
            tool = next(tool for tool in talk.api.get(path).json()["items"] if tool["name"] == "pay")
            talk.api.patch(f"{path}/{tool['id']}", {"api_call": {"url": f"{web_server.url}/look"}})
        case "preset":
            Session.objects.update(metadata={"x-integration-args": {"pay": {"to": "Eve"}}})

    status, code = refused(talk, session, approvals)

    assert (status, code) == (409, "approval_changed" if changed in ("tool", "preset") else "approval_over")
    assert web_server.requests == []


def test_nothing_is_called_twice_when_the_model_fails_after_it(talk: Talk, session: str, web_server: WebServer) -> None:
    approvals = decisions(ask(talk, session, ANN), "approve")
    # The server's own note of what was said before changes nothing.
    save_entries(UUID(session), [new_entry({"role": "system", "content": "-"}, source="summarizer", model="m")])
    with scripted_model([ModelUnavailable("away")]):
        assert talk.chat(session, approvals=approvals).status_code == 502
    otherwise = talk.chat(session, approvals=[{**approvals[0], "decision": "deny"}])
    assert (otherwise.status_code, otherwise.json()["error"]["code"]) == (409, "approval_over")

    with scripted_model(["Paid"]) as model:
        talk.ask(session, approvals=approvals)

    assert paths(web_server) == [("/pay", "Ann")]
    (told,) = [message for message in model.requests[0].messages if message["role"] == "tool"]
    assert "done" in told["content"]


def test_what_a_lost_server_may_have_called_is_called_with_the_same_key(
    talk: Talk, session: str, web_server: WebServer
) -> None:
    approvals = decisions(ask(talk, session, ANN), "approve")
    with scripted_model([ModelUnavailable("away")]):
        talk.chat(session, approvals=approvals)
    PendingRound.objects.update(results=None)

    with scripted_model(["Paid"]):
        talk.ask(session, approvals=approvals)

    first, second = [request.headers["idempotency-key"] for request in web_server.requests]
    assert first == second


def test_keys_are_the_same_when_fewer_calls_are_repeated(
    talk: Talk, agent: str, session: str, web_server: WebServer
) -> None:
    spec = {"method": "POST", "url": f"{web_server.script('/ring', Reply(200, {}))}", "params_schema": PARAMETERS}
    talk.tool(agent, name="ring", type="api_call", api_call=spec, at_most_once=True)
    approvals = decisions(ask(talk, session, ("c0", "ring", {"to": "Zoe"}), ANN, LOOK), "approve")
    with scripted_model([ModelUnavailable("away")]):
        talk.chat(session, approvals=approvals)
    PendingRound.objects.update(results=None)

    with scripted_model(["Paid"]):
        talk.ask(session, approvals=approvals)

    keys: dict[str, list[str]] = {}
    for request in web_server.requests:
        keys.setdefault(request.path, []).append(request.headers["idempotency-key"])
    assert {path: len(each) for path, each in keys.items()} == {"/ring": 1, "/pay": 2, "/look": 2}
    assert len({key for each in keys.values() for key in each}) == 3


def test_of_two_who_decide_at_the_same_time_one_wins(talk: Talk, session: str, web_server: WebServer) -> None:
    asked = ask(talk, session, ANN)

    async def both() -> list[Any]:
        made = (talk.send(session, approvals=decisions(asked, decision)) for decision in ("approve", "approve"))
        return await asyncio.gather(*made)

    with scripted_model(["Paid"]):
        answers = asyncio.run(both())

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert paths(web_server) == [("/pay", "Ann")]


def test_calls_that_need_nobody_are_made_at_once(talk: Talk, session: str, web_server: WebServer) -> None:
    with scripted_model(
        [calls(("c1", "pay", {"amount": 1, "to": "Ann"}), ("c2", "pay", {"amount": "x"})), "Paid"]
    ) as model:
        talk.ask(session, "Pay")
    assert paths(web_server) == [("/pay", "Ann")]
    assert "do not fit" in model.requests[1].messages[-1]["content"]


def test_a_chat_that_is_not_saved_goes_on_with_what_the_client_sends(
    talk: Talk, session: str, web_server: WebServer
) -> None:
    asked = ask(talk, session, ANN, save=False)
    approvals = decisions(asked, "approve")
    assert refused(talk, session, approvals, save=False)[0] == 400
    said = [{"role": "user", "content": "Pay"}, {"role": "assistant", **calls(ANN)}]
    with scripted_model(["Paid"]):
        talk.ask(session, messages=said, approvals=approvals, save=False)
    assert paths(web_server) == [("/pay", "Ann")]
    assert (talk.said(session), PendingRound.objects.count()) == ([], 0)


def test_agents_after_the_one_that_asks_answer_when_it_is_decided(
    talk: Talk, agent: str, web_server: WebServer
) -> None:
    session = talk.session(agent, talk.agent(name="Bea"), auto_run_tools=True)
    asked = ask(talk, session, ANN)
    assert len(asked["choices"]) == 1
    with scripted_model(["Paid", "Well done"]):
        answer = talk.ask(session, approvals=decisions(asked, "approve"))
    assert [choice["message"]["name"] for choice in answer["choices"]] == ["Ada", "Bea"]


def test_a_tool_decides_nothing(talk: Talk, session: str, web_server: WebServer) -> None:
    approvals = decisions(ask(talk, session, ANN), "approve")
    other = talk.agent()
    spec = {"resource": "session", "operation": "chat", "resource_id": session}
    talk.tool(other, name="agree", type="system", system={**spec, "arguments": {"approvals": approvals}})
    with scripted_model([calls(("c9", "agree", {"message": "Go on"})), "I could not"]) as model:
        talk.ask(talk.session(other, auto_run_tools=True), "Agree")
    assert "A person has to decide" in model.requests[1].messages[-1]["content"]
    assert Agent.objects.count() == 2 and web_server.requests == []
