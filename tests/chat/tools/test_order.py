"""Results of tools stand right behind their calls, whatever was said in between. The model refuses other prompts."""

from typing import Any

import pytest

from agents.llm.own.scripted import ScriptedModel, scripted_model
from tests.chat.conftest import Talk, messages
from tests.loopback.model_server import ModelServer, tool_call

FUNCTION = {"name": "ask", "type": "function", "function": {"parameters": {"type": "object"}}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "green"}


def _asking(talk: Talk, **fields: Any) -> str:
    """An agent with a tool that clients answer."""
    agent = talk.agent(**fields)
    talk.tool(agent, **FUNCTION)
    return agent


def _told(model: ScriptedModel) -> list[Any]:
    """Contents of the last prompt, without the system message; of a message that calls, the ids."""
    shown = [message for message in model.requests[-1].messages if message["role"] != "system"]
    return [
        [call["id"] for call in message["tool_calls"]] if message.get("tool_calls") else message["content"]
        for message in shown
    ]


def test_another_agent_spoke_before_the_client_answered(talk: Talk) -> None:
    session = talk.session(_asking(talk, name="Ada"), talk.agent(name="Bob"))
    with scripted_model([tool_call("ask", {}), "I am Bob", "Green it is", "So it is"]) as model:
        talk.ask(session, "Which color?")
        talk.ask(session, messages=[RESULT])
    assert _told(model) == ["Which color?", ["call_1"], "green", "I am Bob", "Green it is"]
    assert [content for _, content in talk.said(session)] == [
        "Which color?",
        None,
        "I am Bob",
        "green",
        "Green it is",
        "So it is",
    ]


def test_so_it_is_sent_to_a_provider(talk: Talk, model_server: ModelServer) -> None:
    session = talk.session(_asking(talk, name="Ada", model="gpt-4o-mini"), talk.agent(name="Bob", model="gpt-4o-mini"))
    model_server.script(tool_call("ask", {}), "I am Bob", "Green it is", "So it is")
    talk.ask(session, "Which color?")
    answer = talk.ask(session, messages=[RESULT])
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["Green it is", "So it is"]
    roles = [message["role"] for message in model_server.chats[2]["messages"]]
    assert roles[1:] == ["user", "assistant", "tool", "user"]


def test_the_user_spoke_before_the_client_answered(talk: Talk) -> None:
    session = talk.session(_asking(talk))
    with scripted_model([tool_call("ask", {}), "I wait", "Green it is"]) as model:
        talk.ask(session, "Which color?")
        talk.ask(session, "Take your time")
        assert _told(model) == ["Which color?", "Take your time"]
        talk.ask(session, messages=[RESULT])
    assert _told(model) == ["Which color?", ["call_1"], "green", "Take your time", "I wait"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_says_more_than_the_result(talk: Talk, stream: bool) -> None:
    session = talk.session(_asking(talk))
    with scripted_model([tool_call("ask", {}), "Green it is"]) as model:
        talk.ask(session, "Which color?")
        sent = [*messages("Here it is"), RESULT]
        if stream:
            talk.listen(session, messages=sent)
        else:
            talk.ask(session, messages=sent)
    assert _told(model) == ["Which color?", ["call_1"], "green", "Here it is"]
    assert [role for role, _ in talk.said(session)] == ["user", "assistant", "user", "tool", "assistant"]


def test_calls_and_results_that_the_request_brings_along(talk: Talk) -> None:
    calling = {"role": "assistant", "content": None, **tool_call("ask", {})}
    unanswered = {"role": "assistant", "content": "Let me see.", **tool_call("ask", {}, id="call_2")}
    with scripted_model(["Green it is"]) as model:
        talk.ask(talk.session(), messages=[calling, *messages("Which color?"), RESULT, unanswered, *messages("Well?")])
    assert _told(model) == [["call_1"], "green", "Which color?", "Let me see.", "Well?"]


def test_of_several_results_for_a_call_the_latest_counts(talk: Talk) -> None:
    session = talk.session(_asking(talk))
    with scripted_model([tool_call("ask", {}), "Green it is", "Blue it is"]) as model:
        talk.ask(session, "Which color?")
        talk.ask(session, messages=[RESULT])
        talk.ask(session, messages=[{**RESULT, "content": "blue"}])
    assert _told(model) == ["Which color?", ["call_1"], "blue", "Green it is"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_result_of_no_call_is_refused(talk: Talk, stream: bool) -> None:
    session = talk.session()
    with scripted_model([]):
        response = talk.chat(session, messages=[RESULT], stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "http_400")
    assert response.json()["error"]["message"] == "No message of the conversation calls a tool as 'call_1'"
    assert talk.said(session) == []


def test_a_result_is_not_left_out_to_make_room(talk: Talk) -> None:
    """What was said between the call and the result is newer than the call, and goes all the same."""
    agent = _asking(talk, default_system_template="Be brief.")
    session = talk.session(agent, token_budget=700, context_overflow="truncate")
    with scripted_model([tool_call("ask", {}), "blue " * 400, "Green it is"]) as model:
        talk.ask(session, "Which color?")
        talk.ask(session, "Take your time")
        talk.ask(session, messages=[{**RESULT, "content": "green " * 400}])
    assert _told(model) == [["call_1"], "green " * 400]


def test_what_was_asked_stays_however_many_rounds_it_takes(talk: Talk) -> None:
    agent = talk.agent(default_system_template="Be brief.")
    talk.tool(agent, name="echo", type="integration", integration={"provider": "dummy"})
    session = talk.session(agent, token_budget=500, context_overflow="truncate", auto_run_tools=True)
    rounds = [tool_call("echo", {"n": "w" * 100}, id=f"c{number}") for number in range(8)]
    with scripted_model([*["zebra " * 50] * 3, *rounds]) as model:
        for _ in range(3):
            talk.ask(session, "Remember this")
        response = talk.chat(session, "Which color?")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "prompt_too_big")
    assert "zebra " * 50 not in _told(model)
    assert len(model.requests) > 6
    assert all("Which color?" in [sent.get("content") for sent in one.messages] for one in model.requests[3:])
