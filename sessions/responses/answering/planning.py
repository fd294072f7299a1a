"""From the body of a request to all that is needed to answer it. Asks nobody.

The database is read first; files are read and tokens counted afterwards, without a connection.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from agents.llm.choice import check_listed
from agents.llm.tokens import context_window
from agents.models import Developer
from docs_store.models import File
from julep_project.core.clock import now
from julep_project.core.database import give_connection_back, run_query
from julep_project.core.errors import BadRequest, NotFound
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json
from julep_project.core.process.threads import run_in
from julep_project.core.work.lease import Held
from sessions.context.window import TRUNCATE, fit
from sessions.responses.answering.attachments import find_files, with_contents
from sessions.responses.answering.messages import Message, to_messages
from sessions.responses.answering.run import Plan
from sessions.responses.answering.sealing import opened_items
from sessions.responses.answering.searches import Searches
from sessions.responses.models import ResponseStatus, StoredResponse
from sessions.responses.rows.chain import load_history, resolve_references
from sessions.responses.rows.conversation_items import find_items, load_items
from sessions.responses.rows.conversation_rows import find_conversation
from sessions.responses.rows.store import begin_response
from sessions.responses.wire.body import new_body
from sessions.responses.wire.errors import at
from sessions.responses.wire.items import Item, with_distinct_ids
from sessions.responses.wire.request import UNKNOWN_CONVERSATION, ResponseRequest, read_request, reopen_request

# A storage that hangs holds up those who name files, and nobody else.
_PLANNERS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="plan")


@dataclass(frozen=True, slots=True)
class Begun:
    """A response that is being answered, with its body as long as there is no answer.

    `held` is the right to record how it ends; None where nothing is stored, or another process answers it, for which
    there `is_to_ring` a message.
    """

    plan: Plan
    body: dict[str, Json]
    held: Held | None = None
    is_to_ring: bool = False

    @property
    def id(self) -> UUID:
        return self.plan.response_id


@dataclass(frozen=True, slots=True)
class _Draft:
    """A plan without messages, and what they are made of. `before` is the conversation the request continues."""

    plan: Plan
    before: Sequence[Item]
    files: Mapping[str, File]

    def completed(self) -> Plan:
        """The whole plan. Reads files and counts tokens, which may take long.

        Raises:
            BadRequest: the conversation cannot be sent to a model.
            StorageUnavailable, ContentMissing: the file storage does not give a content.
        """
        request = self.plan.request
        said, instructions = [*self.before, *request.items], request.echo["instructions"]
        items = opened_items(self.plan.developer.pk, request.model, said)
        messages = to_messages(items, instructions=instructions, hosted=request.tools.hosted)
        messages = with_contents(_fitting(messages, request), self.files, may_cut=request.may_cut)
        return replace(self.plan, said=said, messages=messages)


async def begin(
    developer: Developer, body: Json, custom_key: str | None = None, *, response_id: UUID | None = None
) -> Begun:
    """Read a request, and store the response unless it says not to, under an id that none has.

    Raises:
        InvalidInput, BadRequest: the request cannot be answered as it is.
        NotFound: it names a response, item, file, agent or user that does not exist.
        StorageUnavailable, ContentMissing: the file storage does not give a content.
    """
    response_id = response_id or uuid7()
    plan = await plan_of(developer, body, custom_key, read_request, response_id)
    request = plan.request
    status = ResponseStatus.QUEUED if request.background else ResponseStatus.IN_PROGRESS
    started = new_body(response_id, now(), request.echo, status.value)
    stored: Held | bool = False
    if request.store:
        stored = await run_query(partial(begin_response, developer, response_id, started, request))
    if isinstance(stored, Held):
        return Begun(plan, started, stored)
    return Begun(plan, started, is_to_ring=stored)


async def plan_of(
    developer: Developer,
    body: Json,
    custom_key: str | None,
    read: Callable[[Json, UUID], ResponseRequest],
    response_id: UUID | None = None,
) -> Plan:
    """What is needed to ask a model what a body asks. Stores nothing.

    Raises:
        DomainError: as `begin`.
    """
    draft = await run_query(partial(_read, developer, response_id or uuid7(), body, custom_key, read))
    return await run_in(_PLANNERS, draft.completed)


def reopen(row: StoredResponse, held: Held) -> Begun:
    """A stored response, to be answered in the background. Leaves no connection open.

    Raises:
        DomainError: what it needs is not there any more.
    """
    request = reopen_request(row.body, row.input_items, row.previous_id, tuple(row.include))
    draft = _draft(row.developer, row.pk, request, None)
    give_connection_back()
    return Begun(draft.completed(), row.body, held)


def _read(
    developer: Developer,
    response_id: UUID,
    body: Json,
    custom_key: str | None,
    read: Callable[[Json, UUID], ResponseRequest],
) -> _Draft:
    request = read(body, response_id)
    check_listed(request.model)
    if request.background and custom_key is not None:
        text = "A response in the background cannot use X-Custom-Api-Key: the key is not stored"
        raise at(BadRequest(text), "background")
    items = resolve_references(developer, request.items, partial(find_items, developer, request.conversation_id))
    return _draft(developer, response_id, replace(request, items=items), custom_key)


def _draft(developer: Developer, response_id: UUID, request: ResponseRequest, custom_key: str | None) -> _Draft:
    searches = Searches(developer, request.tools)
    before = _said_before(developer, request)
    items = with_distinct_ids(request.items, response_id, {item["id"] for item in before})
    plan = Plan(developer, response_id, replace(request, items=items), (), searches, custom_key)
    return _Draft(plan, before, find_files(developer, before, items))


def _said_before(developer: Developer, request: ResponseRequest) -> Sequence[Item]:
    """What the request continues.

    Raises:
        NotFound, BadRequest
    """
    if request.previous_id is not None:
        return load_history(developer, request.previous_id, may_cut=request.may_cut)
    if request.conversation_id is None:
        return ()
    conversation = find_conversation(developer, request.conversation_id)
    if conversation is None:
        raise at(NotFound(UNKNOWN_CONVERSATION), "conversation")
    return load_items(conversation, may_cut=request.may_cut)


def _fitting(messages: list[Message], request: ResponseRequest) -> list[Message]:
    """With `truncation: auto`, the newest messages that leave the model room for its answer.

    Raises:
        PromptTooBig: not even the last one fits.
    """
    window = context_window(request.model) if request.may_cut else None
    if window is None:
        return messages
    room = min(request.echo["max_output_tokens"] or 0, window // 2)
    tools = request.tools.presented()
    fitting, _ = fit(
        messages,
        model=request.model,
        budget=window - room,
        overflow=TRUNCATE,
        tools=tools,
        stay={len(messages) - 1},
    )
    return [messages[index] for index in fitting]
