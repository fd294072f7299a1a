"""Stands for the person whom a server wants to ask something while it is asked itself."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import anyio
from mcp import MCPError
from mcp.client.session import ClientRequestContext
from mcp_types import URL_ELICITATION_REQUIRED, ElicitRequest, ElicitResult, InputRequest, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from agents.tools.mcp.elicitation import (
    ACCEPT,
    DECLINED,
    URL,
    Asked,
    can_be_asked,
    filled_in,
    has_defaults,
    mode_of,
    name_of,
)
from agents.tools.mcp.listing import cleaned
from agents.tools.mcp.server import Inquiry, Question
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_storable

_LONGEST_MESSAGE = 500
_MOST_DECLINED = 20
_MOST_NEEDED = 10
# So often a server may say that it is not done, or ask what is declined at once.
_MOST_ROUNDS = 4
_PAUSE_S = 0.25


class Ask(Protocol):
    """A request that may be answered with questions, and is made again with what was said to them."""

    def __call__(
        self, *, input_responses: Any, request_state: str | None, allow_input_required: bool
    ) -> Awaitable[BaseModel]: ...


class Person:
    """Says what was said before; else has the question asked, which ends the conversation, or declines."""

    def __init__(self, question: Question, end: Callable[[], None]) -> None:
        self._question = question
        self._end = end
        self.declined: list[str] = []
        self.inquiry: Inquiry | None = None

    async def settle(self, protocol: str, ask: Ask) -> BaseModel | None:
        """The answer to a request; None if people have to be asked first."""
        if protocol not in MODERN_PROTOCOL_VERSIONS:
            return await ask(input_responses=None, request_state=None, allow_input_required=True)
        state, replies = self._question.state, dict(self._question.replies)
        for _ in range(_MOST_ROUNDS):
            responses = {name: ElicitResult.model_validate(reply) for name, reply in replies.items()}
            found = await ask(input_responses=responses or None, request_state=state, allow_input_required=True)
            if not isinstance(found, InputRequiredResult):
                return found
            state = found.request_state
            asked = {name: _asked_by(request) for name, request in (found.input_requests or {}).items()}
            at_once = {name: self._at_once(params) for name, params in asked.items()}
            replies = {name: reply for name, reply in at_once.items() if reply is not None}
            opened = {name: params for name, params in asked.items() if name not in replies}
            if opened:
                self.inquiry = Inquiry(opened, replies, state)
                return None
            if not asked:
                await anyio.sleep(_PAUSE_S)
        raise RuntimeError("the server asks for more each time")

    async def reply(self, context: ClientRequestContext, params: Any) -> ElicitResult:
        """What a server of the generation before is told, which holds its work for it."""
        asked = _json_of(params)
        name = name_of(asked)
        if name in self._question.replies:
            return ElicitResult.model_validate(self._question.replies[name])
        at_once = self._at_once(asked) or (None if self._question.is_repeatable else self._decline(asked))
        if at_once is not None:
            return ElicitResult.model_validate(at_once)
        self.inquiry = Inquiry({name: asked}, self._question.replies, begins_anew=True)
        self._end()
        await anyio.sleep_forever()
        raise AssertionError("the conversation has ended")

    def is_asked_by(self, error: MCPError) -> bool:
        """Whether the error says that addresses have to be opened first, and people can be asked to."""
        told = error.data.get("elicitations") if isinstance(error.data, Mapping) else None
        if error.code != URL_ELICITATION_REQUIRED or not isinstance(told, list) or not self._question.asks_people:
            return False
        needed = [to_storable(params) for params in told[:_MOST_NEEDED] if isinstance(params, Mapping)]
        asked = {name_of(params): params for params in needed if mode_of(params) == URL and can_be_asked(params)}
        if asked:
            self.inquiry = Inquiry(asked, begins_anew=True, is_needed=True)
        return bool(asked)

    def _at_once(self, asked: Asked) -> Mapping[str, Json] | None:
        """What needs no person; None if one has to be asked."""
        can_be = can_be_asked(asked)
        if can_be and self._question.takes_defaults and has_defaults(asked):
            return {"action": ACCEPT, "content": filled_in(asked, {})}
        return None if can_be and self._question.asks_people else self._decline(asked)

    def _decline(self, asked: Asked) -> Mapping[str, Json]:
        if len(self.declined) < _MOST_DECLINED:
            self.declined.append(cleaned(str(asked.get("message")), _LONGEST_MESSAGE))
        return DECLINED


def _asked_by(request: InputRequest) -> Asked:
    if not isinstance(request, ElicitRequest):
        raise RuntimeError(f"the server wants {request.method}, which it is not given")
    return _json_of(request.params)


def _json_of(params: BaseModel) -> dict[str, Json]:
    value: dict[str, Json] = to_storable(params.model_dump(by_alias=True, mode="json", exclude_none=True))
    return value
