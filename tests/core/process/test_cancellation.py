"""Work that is finished although its caller was cancelled, and work that is to end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from julep_project.core.process import cancellation
from julep_project.core.process.cancellation import end_tasks, uninterrupted


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_its_result_and_its_errors_are_those_of_the_work() -> None:
    async def failing() -> None:
        raise LookupError("gone")

    async def check() -> None:
        assert await uninterrupted(asyncio.sleep(0, "done")) == "done"
        with pytest.raises(LookupError, match="gone"):
            await uninterrupted(failing())

    run(check())


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_waits_for_the_end(fails: bool, times: int) -> None:
    async def check() -> None:
        gate, ended = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            await gate.wait()
            ended.set()
            if fails:
                raise LookupError

        caller = asyncio.create_task(uninterrupted(work()))
        for _ in range(times):
            await asyncio.sleep(0)
            caller.cancel()
        await asyncio.sleep(0)
        assert not caller.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert ended.is_set()

    run(check())


def test_work_that_is_cancelled_itself_is_over() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    async def check() -> None:
        with pytest.raises(asyncio.CancelledError):
            await uninterrupted(work())

    run(check())


def test_a_cancellation_that_was_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation, "_AGAIN_S", 0.01)
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
        await asyncio.Event().wait()

    async def failing() -> None:
        raise LookupError

    async def check() -> None:
        tasks = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await end_tasks(*tasks)
        assert tasks[0].cancelled()
        assert lost == 2

    run(check())
