"""Work that async code gives to threads, and waits for.

The queue of an executor has no end of its own. What bounds it is that every entry belongs to somebody who waits: a
request that was let in (`admission`), with one entry at a time, or the calls of one reply. An entry whose waiter has
gone stays in the queue until a thread comes to it, so it keeps nothing of its work.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Generic, ParamSpec, TypeVar

Result = TypeVar("Result")
Given = ParamSpec("Given")

# Not the loop's own threads: names of hosts are looked up there, and each look takes as long as a resolver hangs.
_BUSY = ThreadPoolExecutor(max_workers=8, thread_name_prefix="busy")


class _Entry(Generic[Result]):
    """Work that is forgotten when it begins or nobody waits for it any more."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work: Callable[[], Result] | None = work

    def __call__(self) -> Result:
        work = self.forget()
        if work is None:  # who waited went a moment ago
            raise asyncio.CancelledError
        return work()

    def forget(self) -> Callable[[], Result] | None:
        work, self._work = self._work, None
        return work


async def run_in(executor: Executor | None, work: Callable[[], Result]) -> Result:
    """Run something that blocks in a thread of the executor, None is the loop's own, in the context of whoever calls.

    Work that has begun is not stopped by cancelling this. Work that has not is never run.
    """
    entry = _Entry(partial(copy_context().run, work))
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, entry)
    finally:
        entry.forget()


async def in_thread(work: Callable[Given, Result], *args: Given.args, **options: Given.kwargs) -> Result:
    """Run what keeps a processor busy a while, with what a request or an answer holds anyway. What waits for a
    neighbour of this process for long has an executor of its own."""
    return await run_in(_BUSY, partial(work, *args, **options))
