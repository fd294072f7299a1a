"""Chats that meet on one session: reject, enqueue, interrupt, rollback."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from agents.llm.own.scripted import Spoken, scripted_model
from julep_project.core.database import run_query
from sessions.models import Turn
from tests.chat.conftest import Stream, Talk, spoken, turns_are_over, until


def test_enqueue_waits_and_hears_everything(talk: Talk) -> None:
    session = talk.session()

    async def meet() -> tuple[str, Any]:
        go_on = asyncio.Event()
        with scripted_model([Spoken("one", go_on.wait, " more"), "two"]) as model:
            async with talk.stream(session, "first") as stream:
                await stream.read()
                second = asyncio.ensure_future(talk.send(session, "second"))
                await until(lambda: Turn.objects.filter(status="waiting"))
                assert len(model.requests) == 1
                go_on.set()
                rest = spoken(await stream.rest())
                return rest, await second

    rest, second = asyncio.run(meet())
    assert (rest, second.status_code) == (" more", 201)
    assert [text for _, text in talk.said(session)] == ["first", "one more", "second", "two"]


@pytest.mark.parametrize("of_session", [True, False])
def test_reject(talk: Talk, of_session: bool) -> None:
    session = talk.session(on_busy="reject" if of_session else "enqueue")

    async def meet() -> Any:
        go_on = asyncio.Event()
        with scripted_model([Spoken("one", go_on.wait, " more")]):
            async with talk.stream(session, "first") as stream:
                await stream.read()
                response = await talk.send(session, "second", **({} if of_session else {"on_busy": "reject"}))
                go_on.set()
                await stream.rest()
                return response

    response = asyncio.run(meet())
    assert response.status_code == 409
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"] == {
        "message": "Another chat is running on this session.",
        "code": "session_busy",
        "type": "http_error",
    }
    assert [text for _, text in talk.said(session)] == ["first", "one more"]


def test_interrupt_keeps_what_was_said(talk: Talk) -> None:
    session = talk.session()

    async def meet() -> Any:
        with scripted_model([Spoken("one", asyncio.Event().wait, " more"), "two"]) as model:
            async with talk.stream(session, "first") as stream:
                await stream.read()
                second = await talk.send(session, "second", on_busy="interrupt")
                return await stream.rest(), second, model.requests[1].messages

    events, second, heard = asyncio.run(meet())
    assert [event["error"]["code"] for event in events] == ["turn_interrupted"]
    assert second.status_code == 201
    assert [text for _, text in talk.said(session)] == ["first", "one", "second", "two"]
    assert [message["content"] for message in heard][-3:] == ["first", "one", "second"]


def test_rollback_leaves_no_trace(talk: Talk) -> None:
    session = talk.session()

    async def meet() -> Any:
        with scripted_model([Spoken("one", asyncio.Event().wait, " more"), "two"]) as model:
            async with talk.stream(session, "first") as stream:
                await stream.read()
                second = await talk.send(session, "second", on_busy="rollback")
                events = await stream.rest()
            await turns_are_over()
            return events, second, model.closed

    events, second, closed = asyncio.run(meet())
    assert [event["error"]["code"] for event in events] == ["turn_rolled_back"]
    assert (second.status_code, closed) == (201, 1)
    assert [text for _, text in talk.said(session)] == ["second", "two"]


@pytest.mark.parametrize(
    ("wish", "code", "said"),
    [
        ("interrupt", "turn_interrupted", ["first", "one", "second", "third", "three"]),
        ("rollback", "turn_rolled_back", ["third", "three"]),
    ],
)
def test_chats_that_wait_are_stopped_too(talk: Talk, wish: str, code: str, said: list[str]) -> None:
    session = talk.session()

    async def meet() -> list[Any]:
        with scripted_model([Spoken("one", asyncio.Event().wait), "three"]):
            async with talk.stream(session, "first") as stream:
                await stream.read()
                second = asyncio.ensure_future(talk.send(session, "second"))
                await until(lambda: Turn.objects.filter(status="waiting"))
                third = asyncio.ensure_future(talk.send(session, "third", on_busy=wish))
                return [await stream.rest(), await second, await third]

    events, second, third = asyncio.run(meet())
    assert (events[-1]["error"]["code"], second.status_code, third.status_code) == (code, 409, 201)
    assert second.json()["error"]["code"] == code
    assert [text for _, text in talk.said(session)] == said


def test_a_client_that_leaves_the_queue_is_passed_over(talk: Talk) -> None:
    session = talk.session()

    async def meet() -> Any:
        go_on = asyncio.Event()
        with scripted_model([Spoken("one", go_on.wait), "three"]):
            async with talk.stream(session, "first") as stream:
                await stream.read()
                second = asyncio.ensure_future(talk.send(session, "second"))
                await until(lambda: Turn.objects.filter(status="waiting"))
                second.cancel()
                await until(lambda: Turn.objects.filter(status="cancelled"))
                third = asyncio.ensure_future(talk.send(session, "third"))
                await until(lambda: Turn.objects.filter(status="waiting"))
                go_on.set()
                await stream.rest()
                return await third

    assert asyncio.run(meet()).status_code == 201
    assert [text for _, text in talk.said(session)] == ["first", "one", "third", "three"]


def test_a_lost_turn_stores_nothing(talk: Talk) -> None:
    session = talk.session()

    async def meet() -> Any:
        go_on = asyncio.Event()
        with scripted_model([Spoken("one", go_on.wait, " more"), "two"]):
            async with talk.stream(session, "first") as stream:
                await stream.read()
                await _lease_runs_out()
                second = await talk.send(session, "second", on_busy="reject")
                go_on.set()
                return await stream.rest(), second

    events, second = asyncio.run(meet())
    assert (events[-1]["error"]["code"], second.status_code) == ("turn_lost", 201)
    assert [text for _, text in talk.said(session)] == ["second", "two"]


def test_simultaneous_chats_are_stored_one_after_the_other(talk: Talk) -> None:
    session = talk.session()

    async def all_at_once() -> list[Any]:
        with scripted_model([lambda request: f"re {request.messages[-1]['content']}"] * 8):
            return await asyncio.gather(*(talk.send(session, f"m{n}", stream=n % 2 == 0) for n in range(8)))

    assert {response.status_code for response in asyncio.run(_read_all(all_at_once()))} == {201}
    said = talk.said(session)
    assert len(said) == 16
    for (asked_by, asked), (said_by, reply) in zip(said[::2], said[1::2], strict=True):
        assert (asked_by, said_by, reply) == ("user", "assistant", f"re {asked}")


async def _read_all(sending: Any) -> list[Any]:
    responses: list[Any] = await sending
    for response in responses:
        if response.streaming:
            await Stream(response).rest()
    return responses


async def _lease_runs_out() -> None:
    await run_query(lambda: Turn.objects.update(lease_until=Now() - timedelta(seconds=1)))
