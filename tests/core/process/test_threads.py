"""Work that waits for a thread is bounded by those who wait for it."""

import asyncio
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from threading import Event
from typing import Any

import pytest

from julep_project.core.process.threads import in_thread, run_in


class Large:
    """What a request brought."""


def test_the_result_and_the_error() -> None:
    with ThreadPoolExecutor(1) as executor:
        assert asyncio.run(run_in(executor, lambda: 7)) == 7
        with pytest.raises(ZeroDivisionError):
            asyncio.run(run_in(executor, lambda: 1 // 0))


def test_work_that_nobody_waits_for_is_neither_kept_nor_run() -> None:
    """However many come and leave while all threads are taken."""
    go_on = Event()
    ran: list[Any] = []

    async def come_and_leave(executor: ThreadPoolExecutor) -> list["weakref.ref[Large]"]:
        brought = []
        for _ in range(100):
            large = Large()
            brought.append(weakref.ref(large))
            waiting = asyncio.ensure_future(run_in(executor, partial(ran.append, large)))
            del large
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return brought

    with ThreadPoolExecutor(1) as executor:
        executor.submit(go_on.wait)
        try:
            brought = asyncio.run(come_and_leave(executor))
            gc.collect()
            assert executor._work_queue.qsize() == 100
            assert [one() for one in brought] == [None] * 100
        finally:
            go_on.set()
    assert ran == []


def test_names_that_are_not_found_hold_up_no_work() -> None:
    """Hosts are looked up in the loop's own threads, for as long as a resolver hangs."""
    found = Event()

    async def work_beside_lookups() -> int:
        loop = asyncio.get_running_loop()
        lookups = [loop.run_in_executor(None, found.wait) for _ in range(64)]
        try:
            async with asyncio.timeout(10):
                return await in_thread(lambda: 7)
        finally:
            found.set()
            await asyncio.gather(*lookups)

    assert asyncio.run(work_beside_lookups()) == 7


def test_work_runs_in_the_context_of_who_waits() -> None:
    place = ContextVar("place", default="none")

    async def at(name: str) -> str:
        place.set(name)
        return await in_thread(place.get)

    async def both() -> list[str]:
        return list(await asyncio.gather(at("here"), at("there")))

    assert asyncio.run(both()) == ["here", "there"]
