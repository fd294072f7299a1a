"""The end of chats that would go on for ever: too long, too much, or read by nobody."""

import asyncio
import threading
from typing import Any

import pytest

from agents.llm.own.scripted import Spoken, scripted_model
from agents.models import Developer
from agents.tools.errors import Delivery, ToolError
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from julep_project.core.live import reader
from julep_project.devservices.loopback import Reply
from sessions.models import Session, Turn
from tests.chat.conftest import LONGEST_WAIT_S, Talk, spoken, turns_are_over
from tests.chat.tools.test_calls import calls
from tests.loopback.web_server import WebServer

# Enough for a first piece to come, on a busy machine too.
SHORT_S = 1
TIMED_OUT = {
    "message": "The chat took longer than a chat may.",
    "code": "chat_timed_out",
    "type": "http_error",
}


def _forever() -> Any:
    return asyncio.Event().wait


async def _drip() -> None:
    await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def warm(talk: Talk) -> None:
    """The first chat of a process takes longer."""
    with scripted_model(["ok"]):
        talk.ask(talk.session(), "Hi")
    Turn.objects.all().delete()


def test_a_model_that_does_not_end_is_stopped_and_what_it_said_is_kept(talk: Talk, settings: Any) -> None:
    settings.CHAT_TIMEOUT_S = SHORT_S
    session = talk.session()
    with scripted_model([Spoken("Hel", _forever(), "lo")]) as model:
        events = talk.listen(session, "Hi")
    assert spoken(events[:-1]) == "Hel"
    assert events[-1] == {"error": {**TIMED_OUT, "should_retry": False}}
    assert model.closed == 1
    assert talk.said(session) == [("user", "Hi"), ("assistant", "Hel")]
    assert Turn.objects.get().status == "finished"


def test_a_reply_drip_by_drip_ends_too(talk: Talk, settings: Any) -> None:
    settings.CHAT_TIMEOUT_S = SHORT_S
    session = talk.session()
    with scripted_model([Spoken(*(piece for _ in range(1000) for piece in (_drip, ".")))]):
        events = talk.listen(session, "Hi")
    assert events[-1]["error"]["code"] == "chat_timed_out"
    assert talk.said(session)[1][1] == spoken(events[:-1])


def test_nothing_is_kept_when_nothing_was_said(talk: Talk, settings: Any) -> None:
    settings.CHAT_TIMEOUT_S = 0.1
    session = talk.session()
    with scripted_model([Spoken(_forever(), "late")]):
        response = talk.chat(session, "Hi", stream=True)
    assert (response.status_code, response.headers["x-should-retry"]) == (504, "false")
    assert response.json() == {"error": TIMED_OUT}
    assert talk.said(session) == []
    assert Turn.objects.get().status == "cancelled"


def test_a_chat_that_waits_too_long_for_its_turn_is_refused(talk: Talk, settings: Any) -> None:
    session = talk.session()

    async def meet() -> Any:
        with scripted_model([Spoken("one", _forever())]):
            async with talk.stream(session, "first") as stream:
                await stream.read()
                settings.CHAT_TIMEOUT_S = 0.1
                second = await talk.send(session, "second")
            await turns_are_over()
            return second

    second = asyncio.run(meet())
    assert second.status_code == 409
    assert second.headers["x-should-retry"] == "false"
    assert second.json()["error"] == {
        "message": "Other chats were running on this session for as long as a chat may take.",
        "code": "session_busy",
        "type": "http_error",
    }
    assert talk.said(session) == [("user", "first"), ("assistant", "one")]


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_without_end_is_refused(talk: Talk, settings: Any, stream: bool) -> None:
    settings.MAX_REPLY_CHARACTERS = 1000
    session = talk.session()
    with scripted_model([" ".join(["word"] * 1000)]) as model:
        if stream:
            error = talk.listen(session, "Hi")[-1]["error"]
            assert error.pop("should_retry") is False
            assert model.closed == 1
        else:
            response = talk.chat(session, "Hi")
            assert (response.status_code, response.headers["x-should-retry"]) == (502, "false")
            error = response.json()["error"]
    assert error == {
        "message": "The model's reply is longer than 1000 characters",
        "code": "reply_too_long",
        "type": "http_error",
    }
    assert talk.said(session) == []


def test_a_reader_that_stalls_frees_the_session(talk: Talk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BEHIND", 2)
    settings.CHAT_READER_TIMEOUT_S = 0.05
    session = talk.session()

    async def stall() -> Any:
        with scripted_model([Spoken(*"abcdefgh", _forever()), "two"]) as model:
            async with talk.stream(session, "first") as stream:
                await stream.read()
                second = await talk.send(session, "second")
                assert model.closed == 1
                return second, await stream.rest()

    second, events = asyncio.run(stall())
    assert second.status_code == 201
    assert events == [
        {
            "error": {
                "message": "The client did not read what was said to it, and the chat was stopped.",
                "code": "reader_too_slow",
                "type": "http_error",
                "should_retry": False,
            }
        }
    ]
    (_, asked), (_, said), *rest = talk.said(session)
    assert (asked, rest) == ("first", [("user", "second"), ("assistant", "two")])
    assert "abcdefgh".startswith(said) and said


def test_few_but_long_pieces_make_the_model_wait_too(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BEHIND_SIZE", 100)
    session = talk.session()
    said: list[str] = []

    def noting(piece: str) -> Any:
        async def note() -> None:
            said.append(piece)

        return note

    pieces = [chr(97 + number) * 90 for number in range(8)]

    async def read_slowly() -> tuple[int, list[Any]]:
        with scripted_model([Spoken(*(part for piece in pieces for part in (piece, noting(piece))))]):
            async with talk.stream(session, "Hi") as stream:
                first = await stream.read()
                for _ in range(50):
                    await asyncio.sleep(0)
                return len(said), [first, *await stream.rest()]

    before, events = asyncio.run(read_slowly())
    assert before <= 3
    assert spoken(events) == "".join(pieces)


def test_a_step_that_chats_ends_in_time_although_a_tool_of_the_chat_hangs(
    talk: Talk, web_server: WebServer, settings: Any
) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    go_on = threading.Event()

    def answer(_: Any) -> Reply:
        go_on.wait(LONGEST_WAIT_S)
        return Reply(200, "late")

    web_server.script("/slow", answer)
    agent = talk.agent()
    talk.tool(agent, name="slow", type="api_call", api_call={"method": "POST", "url": f"{web_server.url}/slow"})
    session = talk.session(agent, auto_run_tools=True)
    tool = {"name": "say", "type": "system", "system": {"resource": "session", "operation": "chat"}}
    with scripted_model([calls(("c1", "slow", {}))]), pytest.raises(ToolError) as failed:
        run_tool(
            Caller(Developer.objects.get(pk=Session.objects.get(pk=session).developer_id), "k", timeout_s=SHORT_S),
            WantedCall(tool, {"session_id": session, "message": "Hi"}),
        )
    # It did not wait for the server, which has not answered yet.
    assert not go_on.is_set()
    go_on.set()
    assert failed.value.message == TIMED_OUT["message"]
    assert (failed.value.repeatable, failed.value.retryable, failed.value.delivery) == (True, False, Delivery.UNCLEAR)
    # The step may be repeated, so nothing is kept.
    assert talk.said(session) == []
    assert len(web_server.requests) == 1
