"""Orders to end, and work that has to be finished although whoever asked for it is gone."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")

# Not failures but orders to end, which nobody may turn into an answer.
STOPS = (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)


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
