"""System tools in chats, and chats as system tools."""

import json
from typing import Any

from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from sessions.models import Session
from tests.chat.conftest import Talk

CHAT = {"resource": "session", "operation": "chat"}


def _call(name: str, arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}


def _told(request: Any) -> Any:
    """What the model is told of its call."""
    return json.loads(request.messages[-1]["content"])


def test_a_chat_leads_to_a_chat_on_another_session(talk: Talk) -> None:
    expert = talk.agent()
    talk.tool(expert, name="echo", type="integration", integration={"provider": "dummy"})
    other = talk.session(expert, auto_run_tools=True)
    agent = talk.agent()
    talk.tool(agent, name="consult", type="system", system={**CHAT, "resource_id": other})
    session = talk.session(agent, auto_run_tools=True)
    hostile = {"name": "out", "type": "api_call", "api_call": {"method": "GET", "url": "http://10.0.0.1/"}}

    asked = _call("consult", {"message": "When is high tide?", "tools": [hostile]})
    with scripted_model([asked, _call("echo", {"at": "noon"}), "At noon.", "Noon, I hear."]) as model:
        answer = talk.ask(session, "Ask the expert")

    assert answer["choices"][0]["message"]["content"] == "Noon, I hear."
    assert [one["function"]["name"] for one in model.requests[0].tools] == ["consult"]
    assert "session_id" not in model.requests[0].tools[0]["function"]["parameters"]["properties"]
    assert [one["function"]["name"] for one in model.requests[1].tools] == ["echo"]
    assert _told(model.requests[2]) == {"at": "noon"}
    assert _told(model.requests[3])["choices"][0]["message"]["content"] == "At noon."
    assert [role for role, _ in talk.said(other)] == ["user", "assistant", "tool", "assistant"]


def test_a_chat_that_would_wait_for_itself_is_refused(talk: Talk) -> None:
    agent = talk.agent()
    talk.tool(agent, name="again", type="system", system=CHAT)
    session = talk.session(agent, auto_run_tools=True)

    with scripted_model([_call("again", {"session_id": session, "message": "Hi"}), "Never mind."]) as model:
        answer = talk.ask(session, "Go")

    assert answer["choices"][0]["message"]["content"] == "Never mind."
    assert "same session" in _told(model.requests[1])["error"]


def test_an_event_of_a_chat_names_its_session(talk: Talk) -> None:
    agent = talk.agent()
    talk.tool(agent, name="say", type="system", system={"resource": "event", "operation": "create"})
    session = talk.session(agent, auto_run_tools=True)

    with scripted_model([_call("say", {"name": "tide.high"}), "Said."]):
        talk.ask(session, "Say it")

    (event,) = talk.api.get("/events").json()["items"]
    assert (event["name"], event["source"]) == ("tide.high", {"type": "session", "id": session})


def test_a_step_may_chat(talk: Talk) -> None:
    session = talk.session()
    developer = Developer.objects.get(pk=Session.objects.get(pk=session).developer_id)
    tool = {"name": "say", "type": "system", "system": CHAT}

    with scripted_model(["Hello."]):
        answer = run_tool(
            Caller(developer, "k"),
            WantedCall(tool, {"session_id": session, "messages": [{"role": "user", "content": "Hi"}]}),
        )

    assert answer["choices"][0]["message"]["content"] == "Hello."
    history = run_tool(
        Caller(developer, "k"),
        WantedCall(
            {"name": "h", "type": "system", "system": {"resource": "session", "operation": "history"}},
            {"session_id": session},
        ),
    )
    assert [entry["role"] for entry in history["entries"]] == ["user", "assistant"]


def test_presets_of_a_session_win_over_those_of_user_and_agent(talk: Talk) -> None:
    def metadata(**values: str) -> dict[str, Any]:
        return {"metadata": {"x-integration-args": {"integration:echo": values}}}

    agent = talk.agent(**metadata(a="agent", b="agent", c="agent"))
    user = talk.api.post("/users", metadata(b="user", c="user")).json()["id"]
    talk.tool(agent, name="echo", type="integration", integration={"provider": "dummy"})
    session = talk.session(agent, users=[user], auto_run_tools=True, **metadata(c="session"))

    with scripted_model([_call("echo", {"c": "model", "d": "model"}), "done"]) as model:
        talk.ask(session, "Go")

    assert _told(model.requests[1]) == {"a": "agent", "b": "user", "c": "session", "d": "model"}


def test_the_client_gets_preset_arguments_with_its_calls(talk: Talk) -> None:
    parameters = {"type": "object", "properties": {"customer": {"type": "integer"}, "q": {"type": "string"}}}
    agent = talk.agent(metadata={"x-integration-args": {"function:check": {"customer": 42}}})
    talk.tool(agent, name="check", type="function", function={"parameters": parameters})

    with scripted_model([_call("check", {"q": "x"})]) as model:
        (choice,) = talk.ask(talk.session(agent), "Go")["choices"]

    assert set(model.requests[0].tools[0]["function"]["parameters"]["properties"]) == {"q"}
    assert json.loads(choice["tool_calls"][0]["function"]["arguments"]) == {"q": "x", "customer": 42}
