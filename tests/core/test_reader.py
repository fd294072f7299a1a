"""Streams whose reader is behind."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from julep_project.core.live import reader
from julep_project.core.live.reader import Relay

EVENTS = [b"a", b"b", b"c", b"d"]


async def _events() -> AsyncGenerator[bytes, None]:
    for event in EVENTS:
        yield event


@pytest.fixture(autouse=True)
def no_patience(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BEHIND", 1)
    settings.CHAT_READER_TIMEOUT_S = 0


def _told(reads_first: int) -> list[bytes]:
    """What a reader gets that reads so many events at once and the rest much later."""

    async def read() -> list[bytes]:
        relay = Relay(_events(), error_event=lambda error: type(error).__name__.encode())
        first = [await anext(relay) for _ in range(reads_first)]
        for _ in range(50):
            await asyncio.sleep(0)
        return first + [event async for event in relay]

    return asyncio.run(read())


def test_who_does_not_read_on_is_given_up() -> None:
    assert _told(1) == [b"a", b"ReaderTooSlow"]


def test_nobody_is_given_up_before_there_is_something_to_read_from() -> None:
    """The server has not asked for the first piece yet: the client can do nothing about that."""
    first, *rest = _told(0)
    assert (first, rest[-1]) == (b"a", b"ReaderTooSlow")


def test_a_stream_that_is_never_read_ends_its_work() -> None:
    async def leave() -> None:
        relay = Relay(_events(), error_event=lambda error: b"")
        for _ in range(50):
            await asyncio.sleep(0)
        relay.close()
        async with asyncio.timeout(10):
            await asyncio.gather(relay._task, return_exceptions=True)

    asyncio.run(leave())
