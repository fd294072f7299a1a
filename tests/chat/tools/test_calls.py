"""Tools a model calls in a chat: run by the server, or handed to the client."""

import asyncio
import json
import threading
from threading import Barrier
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from julep_project.devservices.loopback import Reply
from sessions.models import Entry
from tests.chat.conftest import LONGEST_WAIT_S, Talk, spoken, until
from tests.loopback.web_server import WebServer


def calls(*made: tuple[str, str, Any]) -> dict[str, Any]:
    """The fields of a message that makes these calls (id, name, arguments)."""
    return {"tool_calls": [call(*one) for one in made]}


def call(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    """One call. Arguments that are text stay as they are."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


@pytest.fixture
def agent(talk: Talk, web_server: WebServer, settings: Any) -> str:
    """An agent with a tool the server runs, `look`, and one it does not, `ask`."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    web_server.script("/look", Reply(200, {"color": "green"}))
    agent = talk.agent()
    parameters = {"type": "object", "properties": {"q": {"type": "string"}}}
    look = {"method": "GET", "url": f"{web_server.url}/look", "params_schema": parameters}
    talk.tool(agent, name="look", type="api_call", api_call={**look, "include_response_content": False})
    talk.tool(agent, name="ask", type="function", function={"parameters": parameters})
    return agent


def _results(request: Any) -> list[dict[str, Any]]:
    """Results of tools in a request to the model."""
    return [message for message in request.messages if message["role"] == "tool"]


def _sources(session: str) -> list[tuple[str, str]]:
    return list(Entry.objects.filter(session_id=session).order_by("seq").values_list("role", "source"))


def test_tools_are_offered_and_calls_handed_to_the_client(talk: Talk, agent: str) -> None:
    session = talk.session(agent)
    made = calls(("c1", "look", {"q": "tea"}))
    with scripted_model([made]) as model:
        answer = talk.ask(session, "Hi")
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["look", "ask"]
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["tool_calls"] == choice["message"]["tool_calls"] == made["tool_calls"]
    assert _sources(session) == [("user", "api_request"), ("assistant", "api_response")]


@pytest.mark.parametrize("stream", [False, True])
def test_an_id_that_was_used_in_an_earlier_turn_is_another(talk: Talk, agent: str, stream: bool) -> None:
    session = talk.session(agent)
    tea, rum = (calls(("c1", "ask", {"q": drink})) for drink in ("tea", "rum"))
    ids = []
    with scripted_model([tea, "Tea", rum, "Rum"]) as model:
        for text in ("Tea?", "Rum?"):
            answer = talk.listen(session, text)[-1] if stream else talk.ask(session, text)
            (called,) = answer["choices"][0]["tool_calls"]
            ids.append(called["id"])
            talk.ask(session, messages=[{"role": "tool", "tool_call_id": called["id"], "content": text}])
    assert ids[0] == "c1" != ids[1]
    told = model.requests[-1]
    assert [one["id"] for message in told.messages for one in message.get("tool_calls") or ()] == ids
    assert [(one["tool_call_id"], one["content"]) for one in _results(told)] == [(ids[0], "Tea?"), (ids[1], "Rum?")]


def test_an_id_that_was_used_in_an_earlier_round_is_another(talk: Talk, agent: str) -> None:
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([calls(("c1", "look", {})), calls(("c1", "look", {})), "Green"]) as model:
        talk.ask(session, "Hi")
    first, second = [one["tool_call_id"] for one in _results(model.requests[-1])]
    assert first == "c1" != second


def test_the_client_goes_on_with_results(talk: Talk, agent: str) -> None:
    session = talk.session(agent)
    result = {"role": "tool", "tool_call_id": "c1", "content": "green"}
    with scripted_model([calls(("c1", "ask", {"q": "tea"})), "Green tea"]) as model:
        talk.ask(session, "Hi")
        answer = talk.ask(session, messages=[result])
    assert answer["choices"][0]["message"]["content"] == "Green tea"
    assert [message["role"] for message in model.requests[1].messages][-3:] == ["user", "assistant", "tool"]
    assert model.requests[1].messages[-1]["content"] == "green"


@pytest.mark.parametrize("stream", [True, False])
def test_the_server_runs_tools_and_goes_on(talk: Talk, agent: str, web_server: WebServer, stream: bool) -> None:
    session = talk.session(agent)
    replies = [{"content": "Looking. ", **calls(("c1", "look", {"q": "tea"}))}, "Green it is"]
    with scripted_model(replies) as model:
        if stream:
            events = talk.listen(session, "Hi", auto_run_tools=True)
            assert spoken(events) == "Looking. Green it is"
            assert {event["choices"][0]["finish_reason"] for event in events} == {"stop"}
        else:
            answer = talk.ask(session, "Hi", auto_run_tools=True)
            assert answer["choices"][0]["message"] == {
                "role": "assistant",
                "content": "Green it is",
                "tool_calls": None,
            }
    assert web_server.requests[0].query == {"q": "tea"}
    assert json.loads(_results(model.requests[1])[0]["content"])["json"] == {"color": "green"}
    assert _sources(session) == [
        ("user", "api_request"),
        ("assistant", "tool_request"),
        ("tool", "tool_response"),
        ("assistant", "api_response"),
    ]


def test_usage_counts_every_round(talk: Talk, agent: str, web_server: WebServer) -> None:
    with scripted_model([calls(("c1", "look", {})), "done"]) as model:
        answer = talk.ask(talk.session(agent), "Hi", auto_run_tools=True)
    asked = sum(
        len(str(message.get("content") or "").split()) for request in model.requests for message in request.messages
    )
    assert answer["usage"]["prompt_tokens"] == asked


def test_calls_of_one_message_run_at_the_same_time(talk: Talk, agent: str, web_server: WebServer) -> None:
    together = Barrier(3)

    def answer(_: Any) -> Reply:
        together.wait(10)
        return Reply(200, "ok")

    web_server.script("/look", answer)
    with scripted_model([calls(*((f"c{n}", "look", {"q": str(n)}) for n in range(3))), "done"]) as model:
        talk.ask(talk.session(agent), "Hi", auto_run_tools=True)
    assert [result["tool_call_id"] for result in _results(model.requests[1])] == ["c0", "c1", "c2"]


def test_keys_differ_from_call_to_call(talk: Talk, agent: str, web_server: WebServer) -> None:
    with scripted_model([calls(("c1", "look", {}), ("c2", "look", {})), calls(("c1", "look", {})), "done"]):
        talk.ask(talk.session(agent), "Hi", auto_run_tools=True)
    assert len({request.headers["idempotency-key"] for request in web_server.requests}) == 3


def test_function_tools_end_the_loop(talk: Talk, agent: str) -> None:
    session = talk.session(agent)
    with scripted_model([calls(("c1", "ask", {"q": "tea"}))]):
        answer = talk.ask(session, "Hi", auto_run_tools=True)
    assert [made["id"] for made in answer["choices"][0]["tool_calls"]] == ["c1"]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_with_tools_that_ends_in_a_call_for_the_client(talk: Talk, agent: str, web_server: WebServer) -> None:
    session = talk.session(agent, auto_run_tools=True)
    asked = calls(("c2", "ask", {"q": "more"}))
    with scripted_model([{"content": "Looking. ", **calls(("c1", "look", {}))}, {"content": "And now?", **asked}]):
        events = talk.listen(session, "Hi")
    (last,) = events[-1]["choices"]
    assert spoken(events) == "Looking. And now?"
    assert (last["finish_reason"], last["tool_calls"]) == ("tool_calls", asked["tool_calls"])
    assert len(web_server.requests) == 1
    with scripted_model(["Tea it is"]) as model:
        talk.ask(session, messages=[{"role": "tool", "tool_call_id": "c2", "content": "tea"}])
    assert [message["role"] for message in model.requests[0].messages][-5:] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]


def test_of_both_kinds_in_one_message_the_server_runs_its_own(talk: Talk, agent: str, web_server: WebServer) -> None:
    session = talk.session(agent)
    with scripted_model([calls(("c1", "look", {}), ("c2", "ask", {})), "done"]) as model:
        answer = talk.ask(session, "Hi", auto_run_tools=True)
        assert [made["id"] for made in answer["choices"][0]["tool_calls"]] == ["c2"]
        talk.ask(session, messages=[{"role": "tool", "tool_call_id": "c2", "content": "asked"}])
    assert [result["tool_call_id"] for result in _results(model.requests[1])] == ["c1", "c2"]
    assert _sources(session)[1:3] == [("assistant", "api_response"), ("tool", "tool_response")]


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("look", "{oops", "the arguments are not JSON"),
        ("look", "[1]", "the arguments must be a JSON object"),
        ("fly", "{}", "there is no tool 'fly'; the tools are: ask, look"),
    ],
)
def test_what_is_wrong_with_a_call_goes_back_to_the_model(
    talk: Talk, agent: str, name: str, arguments: str, complaint: str
) -> None:
    with scripted_model([calls(("c1", name, arguments)), "I see"]) as model:
        answer = talk.ask(talk.session(agent), "Hi", auto_run_tools=True)
    assert answer["choices"][0]["message"]["content"] == "I see"
    assert complaint in json.loads(_results(model.requests[1])[0]["content"])["error"]


def test_a_failing_tool_is_told_to_the_model(talk: Talk, agent: str, web_server: WebServer) -> None:
    web_server.script("/look", Reply(500, "broken"))
    with scripted_model([calls(("c1", "look", {})), "It is broken"]) as model:
        talk.ask(talk.session(agent), "Hi", auto_run_tools=True)
    assert "500" in json.loads(_results(model.requests[1])[0]["content"])["error"]


def test_there_is_an_end_to_it(talk: Talk, agent: str, web_server: WebServer, settings: Any) -> None:
    settings.CHAT_TOOL_ROUNDS = 2
    session = talk.session(agent)
    with scripted_model([calls(("c1", "look", {}))] * 3) as model:
        response = talk.chat(session, "Hi", auto_run_tools=True)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "too_many_tool_rounds")
    assert [request.tool_choice for request in model.requests] == [None, None, "none"]
    assert talk.said(session) == []


@pytest.mark.parametrize("stream", [True, False])
def test_calls_of_a_reply_that_was_cut_off_are_not_run(
    talk: Talk, agent: str, web_server: WebServer, stream: bool
) -> None:
    """Without its end, a call may read like another one."""
    message = {"role": "assistant", "content": "Let me", **calls(("c1", "look", ""))}
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([{"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}]):
        (choice,) = talk.listen(session, "Hi")[-1]["choices"] if stream else talk.ask(session, "Hi")["choices"]
    assert (choice["finish_reason"], choice["tool_calls"]) == ("length", None)
    assert web_server.requests == []
    entry = Entry.objects.get(session_id=session, role="assistant")
    assert (entry.content, entry.tool_calls) == ("Let me", None)


def test_of_a_reply_that_was_cut_off_only_calls_of_the_client_are_kept(
    talk: Talk, agent: str, web_server: WebServer
) -> None:
    message = {"role": "assistant", "content": None, **calls(("c1", "ask", {}), ("c2", "look", '{"q"'))}
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([{"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}]):
        (choice,) = talk.ask(session, "Hi")["choices"]
    entry = Entry.objects.get(session_id=session, role="assistant")
    assert [[call["id"] for call in kept] for kept in (choice["tool_calls"], entry.tool_calls)] == [["c1"], ["c1"]]
    assert web_server.requests == []


@pytest.mark.parametrize("given", [{}, {"id": ""}, {"id": "c1"}])
def test_calls_that_cannot_be_told_apart_get_ids(
    talk: Talk, agent: str, web_server: WebServer, given: dict[str, str]
) -> None:
    made = [{"type": "function", "function": {"name": "look", "arguments": "{}"}, **given}] * 2
    with scripted_model([{"tool_calls": made}, "done"]) as model:
        talk.ask(talk.session(agent), "Hi", auto_run_tools=True)
    asked, *results = model.requests[1].messages[-3:]
    assert [call["id"] for call in asked["tool_calls"]] == [result["tool_call_id"] for result in results]
    assert len(web_server.requests) == 2


def test_a_forced_call_is_forced_once(talk: Talk, agent: str, web_server: WebServer) -> None:
    choice = {"type": "function", "function": {"name": "look"}}
    with scripted_model([calls(("c1", "look", {})), "done"]) as model:
        talk.ask(talk.session(agent), "Hi", auto_run_tools=True, tool_choice=choice)
    assert [request.tool_choice for request in model.requests] == [choice, "auto"]


@pytest.mark.parametrize(
    ("session_fields", "body", "runs"),
    [
        ({"auto_run_tools": True}, {}, True),
        ({"auto_run_tools": True}, {"auto_run_tools": False}, False),
        ({"auto_run_tools": True, "forward_tool_calls": True}, {}, False),
        ({"forward_tool_calls": True}, {"auto_run_tools": True}, False),
        ({}, {}, False),
    ],
)
def test_who_decides_whether_tools_run(
    talk: Talk, agent: str, session_fields: dict[str, Any], body: dict[str, Any], runs: bool
) -> None:
    with scripted_model([calls(("c1", "look", {})), "done"]) as model:
        answer = talk.ask(talk.session(agent, **session_fields), "Hi", **body)
    assert (answer["choices"][0]["finish_reason"] == "stop", len(model.requests)) == (runs, 2 if runs else 1)


def test_tools_that_models_know_by_another_name_are_the_clients(talk: Talk) -> None:
    """`bash` and the like have a name of the provider's, whatever the agent calls them."""
    agent = talk.agent()
    talk.tool(agent, name="shell", type="bash_20241022", bash_20241022={"name": "bash"})
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([calls(("c1", "bash", {"command": "ls"}))]) as model:
        (choice,) = talk.ask(session, "Hi")["choices"]
    assert [tool["name"] for tool in model.requests[0].tools] == ["bash"]
    assert (choice["finish_reason"], choice["tool_calls"][0]["function"]["name"]) == ("tool_calls", "bash")


def test_tools_of_the_request_are_added(talk: Talk, agent: str) -> None:
    added = [
        {"name": "look", "type": "function", "function": {"parameters": {"type": "object"}}},
        {"name": "more", "type": "function", "function": {"parameters": {"type": "object"}}},
    ]
    with scripted_model(["ok"]) as model:
        talk.ask(talk.session(agent), "Hi", tools=added)
    assert [tool["function"]["name"] for tool in model.requests[0].tools] == ["look", "ask", "more"]
    assert "properties" in model.requests[0].tools[0]["function"]["parameters"]


def test_preset_arguments_win(talk: Talk, agent: str, web_server: WebServer) -> None:
    session = talk.session(agent, metadata={"x-integration-args": {"api_call:look": {"q": "preset"}}})
    with scripted_model([calls(("c1", "look", {"q": "from the model"})), "done"]) as model:
        talk.ask(session, "Hi", auto_run_tools=True)
    assert web_server.requests[0].query == {"q": "preset"}
    assert "q" not in model.requests[0].tools[0]["function"]["parameters"]["properties"]


def test_a_client_that_leaves_while_tools_run_leaves_whole_rounds(
    talk: Talk, agent: str, web_server: WebServer
) -> None:
    session = talk.session(agent)

    async def leave_early() -> None:
        loop, began, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def answer(_: Any) -> Reply:
            loop.call_soon_threadsafe(began.set)
            go_on.wait(LONGEST_WAIT_S)
            return Reply(200, "late")

        web_server.script("/look", answer)
        with scripted_model([{"content": "Looking.", **calls(("c1", "look", {}))}]):
            async with talk.stream(session, "Hi", auto_run_tools=True) as stream:
                await stream.read()
                await began.wait()
            await until(lambda: Entry.objects.filter(session_id=session))
        go_on.set()

    asyncio.run(leave_early())
    assert [role for role, _ in talk.said(session)] == ["user", "assistant", "tool"]
    assert "not known" in talk.said(session)[2][1]
