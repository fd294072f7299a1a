"""What no database, no wire or no provider takes, coming from a model or a client: the chat is not lost to it."""

import asyncio
import json
from typing import Any

import pytest

from agents.llm.own.scripted import Spoken, scripted_model
from sessions.models import Entry
from tests.chat.conftest import Talk, messages, spoken
from tests.chat.tools.test_calls import calls
from tests.event_streams import events_of
from tests.loopback.model_server import ModelServer, Streamed, tool_call
from tests.loopback.web_server import WebServer

ODD, MENDED = "a\0b\udc80c\ud83d\ude00", "ab\ufffdc\U0001f600"
LONG_ID = "call_1__thought__" + "x" * 4000


@pytest.fixture
def agent(talk: Talk) -> str:
    """An agent with a tool of the client."""
    agent = talk.agent()
    talk.tool(agent, name="ask", type="function", function={"parameters": {"type": "object"}})
    return agent


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_that_cannot_be_stored_as_it_is(talk: Talk, agent: str, stream: bool) -> None:
    session = talk.session(agent)
    said = {"content": ODD, **calls(("c\0\udc80", "as\0k", '{"q": "\0\udc80"}'))}
    expected = calls(("c\ufffd", "ask", '{"q": "\ufffd"}'))["tool_calls"]
    with scripted_model([said]):
        if stream:
            events = talk.listen(session, "Hi")
            assert spoken(events) == MENDED
            assert events[-1]["choices"][0]["tool_calls"] == expected
        else:
            (choice,) = talk.ask(session, "Hi")["choices"]
            assert choice["message"] == {"role": "assistant", "content": MENDED, "tool_calls": expected}
    stored = Entry.objects.get(session_id=session, role="assistant")
    assert (stored.content, stored.tool_calls) == (MENDED, expected)


@pytest.mark.parametrize("stream", [False, True])
def test_so_it_comes_from_a_provider(talk: Talk, model_server: ModelServer, stream: bool) -> None:
    session = talk.session(talk.agent(model="gpt-4o-mini"))
    if stream:
        model_server.script(Streamed("a\0b\udc80", "c"))
        assert spoken(talk.listen(session, "Hi")) == "ab\ufffdc"
    else:
        model_server.script("a\0b\udc80c")
        assert talk.ask(session, "Hi")["choices"][0]["message"]["content"] == "ab\ufffdc"
    assert talk.said(session)[1] == ("assistant", "ab\ufffdc")


def test_what_is_wrong_in_arguments_reaches_neither_tool_nor_history(
    talk: Talk, web_server: WebServer, settings: Any
) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    agent = talk.agent()
    url = f"{web_server.url}/webhook"
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    call = {"method": "POST", "url": url, "params_schema": schema, "json": {}}
    talk.tool(agent, name="send", type="api_call", api_call=call)
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([calls(("c1", "send", '{"q": "\0x"}')), "done"]):
        talk.ask(session, "Hi")
    assert [role for role, _ in talk.said(session)] == ["user", "assistant", "tool", "assistant"]
    stored = Entry.objects.get(session_id=session, source="tool_request")
    assert stored.tool_calls[0]["function"]["arguments"] == '{"q": "x"}'


def test_nul_of_a_client_is_gone(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["ok"] * 2) as model:
        talk.ask(session, "a\0b")
        talk.ask(session, "{{ metadata.note }}|", metadata=json.dumps({"note": "c\0d"}))
    assert [request.messages[-1]["content"] for request in model.requests] == ["ab", "cd|"]
    assert [content for _, content in talk.said(session)] == ["ab", "ok", "cd|", "ok"]


@pytest.mark.parametrize("stream", [False, True])
def test_ids_of_calls_may_be_long(talk: Talk, agent: str, stream: bool) -> None:
    session = talk.session(agent)
    with scripted_model([tool_call("ask", {}, id=LONG_ID), "Green it is"]):
        if stream:
            (choice,) = talk.listen(session, "Which color?")[-1]["choices"]
        else:
            (choice,) = talk.ask(session, "Which color?")["choices"]
        assert choice["tool_calls"][0]["id"] == LONG_ID
        talk.ask(session, messages=[{"role": "tool", "tool_call_id": LONG_ID, "content": "green"}])
    history = talk.api.get(f"/sessions/{session}/history").json()["entries"]
    assert [entry["tool_call_id"] for entry in history] == [None, None, LONG_ID, None]


@pytest.mark.parametrize("stream", [False, True])
def test_a_message_of_ten_megabytes(talk: Talk, stream: bool) -> None:
    text = "tide " * (2 * 1024 * 1024)
    session = talk.session(talk.agent(model="offline/echo"))
    with scripted_model(["Long"]) as model:
        if stream:
            assert spoken(talk.listen(session, text)) == "Long"
        else:
            assert talk.ask(session, text)["choices"][0]["message"]["content"] == "Long"
    assert model.requests[0].messages[-1]["content"] == text
    assert talk.said(session)[0] == ("user", text)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "arguments"), [("ask", "{oops"), ("ask", "[1]"), ("fly", "{}"), ("ask", "{}")])
def test_a_call_that_makes_no_sense_is_handed_to_the_client_as_it_is(
    talk: Talk, agent: str, name: str, arguments: str, stream: bool
) -> None:
    session = talk.session(agent)
    made = calls(("c1", name, arguments))
    with scripted_model([made]):
        (choice,) = talk.listen(session, "Hi")[-1]["choices"] if stream else talk.ask(session, "Hi")["choices"]
    assert (choice["finish_reason"], choice["tool_calls"]) == ("tool_calls", made["tool_calls"])
    assert Entry.objects.get(session_id=session, role="assistant").tool_calls == made["tool_calls"]


@pytest.mark.parametrize(("name", "arguments"), [("echo", "{oops"), ("fly", "{}")])
def test_with_tools_that_are_run_the_model_is_told_while_streaming(
    talk: Talk, agent: str, name: str, arguments: str
) -> None:
    talk.tool(agent, name="echo", type="integration", integration={"provider": "dummy"})
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([calls(("c1", name, arguments)), "I see"]) as model:
        assert spoken(talk.listen(session, "Hi")) == "I see"
    assert "error" in json.loads(str(model.requests[1].messages[-1]["content"]))


def test_an_assistants_empty_reply_is_not_told_again(talk: Talk) -> None:
    """Providers refuse messages that say nothing."""
    session = talk.session()
    with scripted_model([{"content": None}, "ok"]) as model:
        talk.ask(session, "Hi")
        talk.ask(session, "Hello?")
    assert [message["content"] for message in model.requests[1].messages[1:]] == ["Hi", "Hello?"]


@pytest.mark.parametrize(
    "content", [" \n", [""], [" ", "\t"], [{"type": "text", "text": ""}], [{"type": "text", "text": " "}, ""]]
)
@pytest.mark.parametrize("role", ["user", "system", "assistant"])
def test_a_blank_message_is_refused(talk: Talk, role: str, content: Any) -> None:
    session = talk.session()
    response = talk.chat(session, messages=[*messages("Hi"), {"role": role, "content": content}])
    assert response.status_code == 422
    (problem,) = response.json()["error"]["details"]
    assert (problem["loc"], problem["type"]) == ("messages[1].content", "string_too_short")
    assert talk.said(session) == []


def test_an_image_says_something(talk: Talk) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    with scripted_model(["A dot"]) as model:
        talk.ask(talk.session(), messages=[{"role": "user", "content": [image]}])
    assert model.requests[0].messages[-1]["content"] == [image]


def test_a_reply_broken_between_the_halves_of_a_character(talk: Talk) -> None:
    session = talk.session()
    with scripted_model([Spoken("\ud83d", "\ude00")]):
        events = talk.listen(session, "Hi")
    assert spoken(events) == talk.said(session)[1][1] == "\U0001f600"


def test_events_are_text_that_every_client_can_read(talk: Talk) -> None:
    """Whole numbers beyond 64 bits are written out, as in an answer that is not streamed."""

    async def read() -> str:
        async with talk.stream(session, "Hi", recall=True) as stream:
            await stream.rest()
            return stream.text

    agent = talk.agent()
    doc = {"title": "sea", "content": "Hi from the sea", "metadata": {"depth": 10**30}}
    assert talk.api.post(f"/agents/{agent}/docs", doc).status_code == 201
    session = talk.session(agent, recall_options={"mode": "text"})
    with scripted_model(["Hello"]):
        text = asyncio.run(read())
    assert str(10**30) in text
    assert events_of(text)[-1]["docs"][0]["metadata"] == {"depth": 10**30}
