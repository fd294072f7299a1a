"""Chats that clients send again with the same `Idempotency-Key`."""

import asyncio
from typing import Any

import pytest

from agents.llm.own.scripted import Spoken, scripted_model
from julep_project.core.errors import ModelUnavailable
from julep_project.core.idempotency import rows
from julep_project.core.idempotency.models import IdempotencyKey
from tests.chat.conftest import Stream, Talk, events_of, spoken, turns_are_over, until
from tests.chat.tools.test_calls import calls
from tests.loopback.web_server import WebServer

KEY = {"Idempotency-Key": "k1"}


def told(talk: Talk, session: str, **body: Any) -> list[dict[str, Any]]:
    """The events of a streamed chat with the key."""

    async def read() -> list[dict[str, Any]]:
        response = await talk.send(session, "Hi", headers=KEY, stream=True, **body)
        if response.streaming:
            return await Stream(response).rest()
        assert response.headers["Content-Type"] == "text/event-stream", response.content
        return events_of(response.content.decode())

    return asyncio.run(read())


def test_a_chat_is_answered_once(talk: Talk) -> None:
    session = talk.session()
    with scripted_model(["Hello"]):
        first, second = (talk.chat(session, "Hi", headers=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hello")]
    other = talk.chat(session, "Hey", headers=KEY)
    assert (other.status_code, other.headers["x-should-retry"]) == (409, "false")


def test_a_stream_is_told_again(talk: Talk) -> None:
    session = talk.session()
    with scripted_model([Spoken("Hel", "lo")]):
        first, second = told(talk, session), told(talk, session)
    assert first == second
    assert spoken(first) == "Hello"
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hello")]


def test_a_long_stream_is_told_again_from_what_was_saved(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("julep_project.core.api.idempotency._LARGEST_STREAM", 10)
    agent = talk.agent()
    talk.tool(agent, name="ask", type="function", function={"parameters": {"type": "object"}})
    session = talk.session(agent)
    with scripted_model([{"content": "Let me see.", **calls(("c1", "ask", {}))}]):
        first, second = told(talk, session), told(talk, session)
    assert spoken(first) == spoken(second) == "Let me see."
    assert {event["id"] for event in first} == {event["id"] for event in second}
    assert first[-1] == second[-1]
    assert second[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
def test_a_process_that_was_lost_after_the_work(talk: Talk, stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The turn is saved, and nobody lived to keep the answer: whoever repeats waits for the lease, then gets it."""
    session = talk.session()
    with monkeypatch.context() as patch, scripted_model(["Hello"]):
        patch.setattr(rows.LEASES, "end", lambda *_, **__: 0)
        first = told(talk, session) if stream else talk.chat(session, "Hi", headers=KEY).json()
    busy = talk.chat(session, "Hi", headers=KEY, **({"stream": True} if stream else {}))
    assert (busy.status_code, busy.headers["x-should-retry"], busy.headers["Retry-After"]) == (409, "true", "1")
    IdempotencyKey.objects.update(lease_until="2000-01-01T00:00:00Z")
    again: Any = told(talk, session) if stream else talk.chat(session, "Hi", headers=KEY).json()
    assert again == first if not stream else spoken(again) == spoken(first)
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hello")]


def test_a_chat_that_failed_runs_again(talk: Talk) -> None:
    session = talk.session()
    with scripted_model([ModelUnavailable("later"), Spoken("Hel", ModelUnavailable("later")), "Hello"]):
        assert talk.chat(session, "Hi", headers=KEY, stream=True).status_code == 502
        assert "error" in told(talk, session)[-1]
        assert spoken(told(talk, session)) == "Hello"
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hello")]


def test_a_client_that_left_sends_it_again(talk: Talk) -> None:
    session = talk.session()

    async def leave() -> None:
        stream = Stream(await talk.send(session, "Hi", headers=KEY, stream=True))
        await stream.read()
        stream.leave()
        await turns_are_over()
        await until(lambda: IdempotencyKey.objects.exclude(lease_until=None), False)

    with scripted_model([Spoken("Hel", asyncio.Event().wait), "Hello"]):
        asyncio.run(leave())
        assert spoken(told(talk, session)) == "Hello"
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hello")]


def test_several_at_once(talk: Talk) -> None:
    session = talk.session()

    async def ask() -> list[Any]:
        return await asyncio.gather(*(talk.send(session, "Hi", headers=KEY) for _ in range(5)))

    with scripted_model(["Hello"]):
        answers = asyncio.run(ask())
    assert sorted(answer.status_code for answer in answers) in ([201, 409, 409, 409, 409], [201] * 5) or all(
        answer.status_code in (201, 409) for answer in answers
    )
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hello")]


def test_tools_run_once(talk: Talk, web_server: WebServer, settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    agent = talk.agent()
    talk.tool(agent, name="buy", type="api_call", api_call={"method": "POST", "url": f"{web_server.url}/buy"})
    session = talk.session(agent, auto_run_tools=True)
    with scripted_model([calls(("c1", "buy", {})), "Bought"]):
        assert talk.chat(session, "Hi", headers=KEY).json() == talk.chat(session, "Hi", headers=KEY).json()
    assert len(web_server.requests) == 1
