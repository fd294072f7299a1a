"""Orders to end, and work that has to be finished although whoever asked for it is gone."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

Result = TypeVar("Result")

# Not failures but orders to end, which nobody may turn into an answer.
STOPS = (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)

# Work that was told to end and has not by then is told again.
_AGAIN_S = 10.0


async def uninterrupted(work: Awaitable[Result]) -> Result:
    """Await this to its end. A cancellation that comes meanwhile is raised afterwards.

    For short work with an end of its own, such as one query: it delays the cancellation by as much.
    """
    task = asyncio.ensure_future(work)
    interrupted: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interrupted = error
        except Exception:
            break
    if interrupted is not None and not task.cancelled():
        if (failure := task.exception()) is not None:
            raise interrupted from failure
        raise interrupted
    return task.result()


async def end_tasks(*tasks: asyncio.Future[Any]) -> None:
    """Cancel those that are not done and return when all are, with whatever result.

    Libraries lose a cancellation that comes together with what they wait for. So it is repeated: who waits for the end
    of work does not wait for ever.
    """
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
