"""From the body of a request to all that is needed to answer it. Reads the database; asks nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from agents.llm.tokens import context_window
from agents.models import Developer
from julep_project.core.clock import now
from julep_project.core.errors import BadRequest
from julep_project.core.ids import uuid7
from sessions.context.window import fit
from sessions.models import ContextOverflow, ResponseStatus, StoredResponse
from sessions.responses.attachments import load_files
from sessions.responses.conversation import load_history, resolve_references
from sessions.responses.items import Item
from sessions.responses.messages import to_messages
from sessions.responses.request import ResponseRequest, read_request, reopen_request
from sessions.responses.run import Message, Plan
from sessions.responses.searches import Searches
from sessions.responses.store import begin_response
from sessions.responses.wire import new_body

Json = Any


@dataclass(frozen=True, slots=True)
class Begun:
    """A response that is being answered, with its body as long as there is no answer."""

    plan: Plan
    body: dict[str, Json]

    @property
    def id(self) -> UUID:
        """The row's id."""
        return self.plan.response_id

    @property
    def is_stored(self) -> bool:
        """Whether there is a row."""
        return self.plan.request.store


def begin(developer: Developer, body: Json, custom_key: str | None = None) -> Begun:
    """Read a request, and store the response unless it says not to.

    Raises:
        InvalidInput, BadRequest: the request cannot be answered as it is.
        NotFound: it names a response, item, file, agent or user that does not exist.
    """
    response_id = uuid7()
    request = read_request(body, response_id)
    if request.background and custom_key is not None:
        raise BadRequest("A response in the background cannot use X-Custom-Api-Key: the key is not stored")
    request = replace(request, items=resolve_references(developer, request.items))
    plan = _plan(developer, response_id, request, custom_key)
    status = ResponseStatus.QUEUED if request.background else ResponseStatus.IN_PROGRESS
    started = new_body(response_id, now(), request.echo, status.value)
    if request.store:
        begin_response(
            developer,
            response_id,
            started,
            items=request.items,
            previous_id=request.previous_id,
            include=request.include,
        )
    return Begun(plan, started)


def reopen(row: StoredResponse) -> Begun:
    """A stored response, to be answered in the background.

    Raises:
        DomainError: what it needs is not there any more.
    """
    request = reopen_request(row.body, row.input_items, row.previous_id, tuple(row.include))
    return Begun(_plan(row.developer, row.pk, request, None), row.body)


def _plan(developer: Developer, response_id: UUID, request: ResponseRequest, custom_key: str | None) -> Plan:
    searches = Searches(developer, request.tools, custom_key)
    items: Sequence[Item] = request.items
    if request.previous_id is not None:
        may_cut = request.echo["truncation"] == "auto"
        items = [*load_history(developer, request.previous_id, may_cut=may_cut), *items]
    messages = to_messages(
        items,
        instructions=request.echo["instructions"],
        files=load_files(developer, items),
        hosted=request.tools.hosted,
    )
    return Plan(developer, response_id, request, _fitting(messages, request), searches, custom_key)


def _fitting(messages: Sequence[Message], request: ResponseRequest) -> Sequence[Message]:
    """With `truncation: auto`, the newest messages that leave the model room for its answer.

    Raises:
        PromptTooBig: not even the last one fits.
    """
    window = context_window(request.model) if request.echo["truncation"] == "auto" else None
    if window is None:
        return messages
    room = min(request.echo["max_output_tokens"] or 0, window // 2)
    tools = request.tools.presented()
    fitting, _ = fit(
        messages, model=request.model, budget=window - room, overflow=ContextOverflow.TRUNCATE, tools=tools
    )
    return fitting
