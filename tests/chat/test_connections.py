"""Chats hold no connection to the database while they wait for the world."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.db import connection

from agents.llm.own.scripted import Spoken, scripted_model
from julep_project.core.database import run_query
from julep_project.core.live import reader
from julep_project.devservices.loopback import Reply
from sessions.models import Turn
from tests.chat.conftest import LONGEST_WAIT_S, Talk, until
from tests.chat.tools.test_calls import calls
from tests.loopback.model_server import ModelServer
from tests.loopback.web_server import WebServer


def _others() -> int:
    """How many connections there are to the database of the test, beside the one that asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (count,) = cursor.fetchone()
    return int(count)


class Gate:
    """Where something outside waits until the test has looked."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reached = asyncio.Event()
        self._open = threading.Event()

    def wait_here(self) -> None:
        """Called from a thread of the world outside."""
        self._loop.call_soon_threadsafe(self._reached.set)
        self._open.wait(LONGEST_WAIT_S)

    async def pause(self) -> None:
        """The same for a model of the script."""
        self._reached.set()
        while not self._open.is_set():
            await asyncio.sleep(0.005)

    async def reached(self) -> None:
        async with asyncio.timeout(LONGEST_WAIT_S):
            await self._reached.wait()

    def open(self) -> None:
        self._open.set()


def _none_is_held(begin: Callable[[Gate], Awaitable[Any]]) -> Any:
    """What the chat gives that waits at the gate, after seeing that it holds no connection there."""

    async def look() -> Any:
        gate = Gate()
        before = await run_query(_others)
        chat = asyncio.ensure_future(begin(gate))
        try:
            await gate.reached()
            async with asyncio.timeout(LONGEST_WAIT_S):
                # A query of the chat may be ending just now; a connection that is held stays.
                while await run_query(_others) > before:
                    await asyncio.sleep(0.005)
        finally:
            gate.open()
        return await chat

    return asyncio.run(look())


@pytest.mark.parametrize("stream", [True, False])
def test_a_model(talk: Talk, model_server: ModelServer, stream: bool) -> None:
    session = talk.session(talk.agent(model="openai/loopback"))

    async def chat(gate: Gate) -> Any:
        def think(_: Any) -> str:
            gate.wait_here()
            return "Hello"

        model_server.script(think)
        if not stream:
            return (await talk.send(session, "Hi")).status_code
        async with talk.stream(session, "Hi") as opened:
            await opened.rest()
        return 201

    assert _none_is_held(chat) == 201
    assert [text for _, text in talk.said(session)][0] == "Hi"


def test_a_tool(talk: Talk, web_server: WebServer, settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    agent = talk.agent()
    talk.tool(agent, name="look", type="api_call", api_call={"method": "GET", "url": f"{web_server.url}/look"})
    session = talk.session(agent, auto_run_tools=True)

    async def chat(gate: Gate) -> Any:
        def answer(_: Any) -> Reply:
            gate.wait_here()
            return Reply(200, "ok")

        web_server.script("/look", answer)
        return (await talk.send(session, "Hi")).status_code

    with scripted_model([calls(("c1", "look", {})), "done"]):
        assert _none_is_held(chat) == 201


def test_a_stream_whose_reader_is_slow(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BEHIND", 1)
    session = talk.session()

    async def chat(gate: Gate) -> Any:
        async with talk.stream(session, "Hi") as stream:
            await stream.read()
            await gate.pause()
            await stream.rest()

    with scripted_model([Spoken(*"abcdef")]):
        _none_is_held(chat)
    assert talk.said(session)[1] == ("assistant", "abcdef")


def test_a_turn(talk: Talk) -> None:
    session = talk.session()

    async def chat(gate: Gate) -> Any:
        go_on = asyncio.Event()
        with scripted_model([Spoken("one", go_on.wait, "more"), "two"]):
            async with talk.stream(session, "first") as stream:
                await stream.read()
                second = asyncio.ensure_future(talk.send(session, "second"))
                await until(lambda: Turn.objects.filter(status="waiting"))
                await gate.pause()
                go_on.set()
                await stream.rest()
                return (await second).status_code

    assert _none_is_held(chat) == 201
