"""What a run asks while its caller waits: asked of the client at once, as far as that can be asked, and answered in its
name. Where nobody answers the run goes on waiting, and is told as it stands."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from agents.models import Developer
from executions.called.standing import Standing, taking_a_form
from executions.services import resume_by_token
from executions.wait_tokens import task_token
from julep_project.core.database import Threads, run_query
from julep_project.core.errors import DomainError, InvalidInput
from julep_project.mcp_server.answers import in_words
from julep_project.mcp_server.asking import ELICITATION, Line, NotAnswered
from julep_project.mcp_server.runs import answer_to, elicited

# Of one call. Whoever answers later does so by other ways.
_PATIENCE_S = 600.0
_MOST_REFUSED = 3

GoOn = Callable[[Developer, UUID], Awaitable[Standing]]


async def answered(line: Line, developer: Developer, standing: Standing, go_on: GoOn) -> Standing:
    """How the run stands when the client has answered what it asks, one question after the other: at its end, or where
    it waits for something else. `go_on` waits until it rests again."""
    until = time.monotonic() + _PATIENCE_S
    asked: set[str] = set()
    while (wait_id := await _next(line, standing, asked)) is not None:
        asked.add(wait_id)
        try:
            if not await _answer(line, developer, standing, wait_id, until):
                break
        except NotAnswered:
            break
        standing = await go_on(developer, standing.run.pk)
    return standing


async def _next(line: Line, standing: Standing, asked: set[str]) -> str | None:
    """The first wait that a form can answer and the client was not asked for yet."""
    if ELICITATION not in line.abilities or not standing.waits:
        return None
    waits = await run_query(partial(taking_a_form, standing), Threads.READING)
    return next((wait_id for wait_id in waits if wait_id not in asked), None)


async def _answer(line: Line, developer: Developer, standing: Standing, wait_id: str, until: float) -> bool:
    """Ask, until the answer is one that the wait takes. Whether whoever uses the client answers for now.

    Raises:
        NotAnswered
    """
    shown = standing.waits[wait_id]
    asked = elicited(shown)
    params, message = asked["params"], asked["params"]["message"]
    for _ in range(_MOST_REFUSED):
        left = until - time.monotonic()
        answer = await line.ask(asked["method"], {**params, "message": message}, seconds=max(left, 0.0))
        if answer.get("action") != "accept":
            return False
        value = answer_to(shown, answer.get("content"))
        given: dict[str, Any] = {"developer": developer, "execution_id": standing.run.pk, "value": value}
        try:
            await run_query(partial(resume_by_token, token=task_token(UUID(wait_id)), **given))
        except InvalidInput as error:
            message = f"{in_words(error)}. {params['message']}"
            continue
        except DomainError:
            # Somebody else has answered, or has to.
            pass
        return True
    return False
