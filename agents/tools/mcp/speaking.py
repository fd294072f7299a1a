"""One conversation with a server: a connection, one question, its answer. The library of the protocol decides what is
said; how long it takes, how much it may be and what becomes of errors is decided here."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.inbound import find_invalid_x_mcp_header
from mcp_types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    URL_ELICITATION_REQUIRED,
    Implementation,
    ListToolsRequest,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ValidationError

from agents.calls.wanted import LOOK_EVERY_S, still_wanted
from agents.tools.errors import BadArguments, Delivery, ReportedError, ToolError
from agents.tools.exchange import check_brake, unanswered
from agents.tools.mcp.listing import MOST_TOOLS, cleaned
from agents.tools.mcp.person import Person
from agents.tools.mcp.process import program
from agents.tools.mcp.server import CALL_TOOL, LIST_TOOLS, Answer, Question, Server
from agents.tools.mcp.wire import CheckedTransport, Line
from julep_project.core.http import HttpError, OutgoingRequest, StreamingClient
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_storable

log = logging.getLogger(__name__)

IDEMPOTENCY_KEY = "julep/idempotency-key"
_US = Implementation(name="julep-agents", version="1")
_AUTO = "auto"
# A server that says so before it was asked has done nothing.
_OTHER_PROTOCOL = frozenset({UNSUPPORTED_PROTOCOL_VERSION, INVALID_REQUEST, METHOD_NOT_FOUND})
_REPEATABLE = frozenset({CONNECTION_CLOSED, INTERNAL_ERROR, PARSE_ERROR})
# The library says so as well, of answers that it cannot use.
_OF_LIBRARY = frozenset({INVALID_REQUEST, PARSE_ERROR})
_LONGEST_MESSAGE = 500
_LONGEST_REASON = 300
_MOST_PAGES = 50
_MOST_NUMBERS = 1000
_CLOSING_S = 2.0


def converse(server: Server, question: Question) -> Answer:
    """Ask one question.

    Raises:
        ReportedError, BadArguments, ToolError
    """
    if server.transport != "stdio":
        check_brake(OutgoingRequest("POST", server.url, headers=server.headers))
    ends_at = time.monotonic() + question.whole_s
    if server.protocol is not None:
        try:
            return anyio.run(_hold, server, question, ends_at, _mode(server.protocol))
        except _Misunderstood:
            pass  # it speaks another version than it did
    return anyio.run(_hold, server, question, ends_at, _AUTO)


async def _hold(server: Server, question: Question, ends_at: float, mode: str) -> Answer:
    return await _Conversation(server, question, ends_at, mode).hold()


def _mode(protocol: str) -> str:
    return protocol if protocol in MODERN_PROTOCOL_VERSIONS else "legacy"


class _Misunderstood(ToolError):
    """The server does not speak as it was spoken to, and has done nothing."""


class _Conversation:
    """One connection, from its beginning to its end. What waits for the answer ends before the connection does, so that
    the server can be told that nobody waits any more."""

    def __init__(self, server: Server, question: Question, ends_at: float, mode: str) -> None:
        self._server = server
        self._question = question
        self._ends_at = ends_at
        self._mode = mode
        self._open = anyio.CancelScope(deadline=self._patience_ends())
        self._waiting = anyio.CancelScope()
        self._line = Line(self._open)
        self.person = Person(question, self._waiting.cancel)
        self._answer: Answer | None = None
        self._is_unwanted = False

    async def hold(self) -> Answer:
        """Connect, ask, and close.

        Raises:
            ToolError
        """
        try:
            with self._open:
                await self._connected()
        except Exception as error:
            if self._answer is None:
                raise self._told(error) from error
            log.info("closing failed", extra={"action": "mcp_closing_failed", "error": type(error).__name__})
        if self._answer is None:
            raise self._line.failure or self._too_late()
        return self._answer

    async def _connected(self) -> None:
        async with (
            StreamingClient.under_settings() as network,
            Client(
                self._transport(network),
                mode=self._mode,
                client_info=_US,
                cache=None,
                elicitation_callback=self.person.reply,
            ) as client,
        ):
            # No request has the number of the one that it repeats: on other connections, too.
            dispatcher: Any = client.session._dispatcher
            dispatcher._next_id += self._question.turn * _MOST_NUMBERS
            self._line.asked = True
            self._open.deadline = anyio.current_time() + self._left_s() + _CLOSING_S
            self._waiting.deadline = self._patience_ends()
            with self._waiting:
                async with anyio.create_task_group() as beside:
                    beside.start_soon(self._end_when_unwanted)
                    self._answer = await self._asked(client)
                    beside.cancel_scope.cancel()
            if self._answer is None:
                await self._line.cancellation_sent()
            if self.person.inquiry is not None:
                self._answer = self._answer_of(client, {})
            self._open.deadline = min(self._open.deadline, anyio.current_time() + _CLOSING_S)

    async def _end_when_unwanted(self) -> None:
        """A run that is cancelled takes no result; its server need not work on."""
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            # Whoever cannot be asked now can be asked the next time.
            with suppress(Exception):
                if not await anyio.to_thread.run_sync(still_wanted, abandon_on_cancel=True):
                    self._is_unwanted = True
                    self._waiting.cancel()

    async def _asked(self, client: Client) -> Answer:
        try:
            found = await _ASKS[self._question.method](client, self._question.arguments, self)
        except MCPError as error:
            if not self.person.is_asked_by(error):
                raise
            found = None
        return self._answer_of(client, {} if found is None else _json_of(found))

    def _answer_of(self, client: Client, value: Mapping[str, Json]) -> Answer:
        info = client.server_info
        return Answer(
            value=value,
            protocol=client.protocol_version,
            server_info={} if info is None else _json_of(info),
            declined=tuple(self.person.declined),
            inquiry=self.person.inquiry,
        )

    def _transport(self, network: StreamingClient) -> AbstractAsyncContextManager[Any]:
        server = self._server
        if server.transport == "stdio":
            return program(server.command, self._line)
        transport = CheckedTransport(server, self._line, network)
        if server.transport == "sse":
            make = partial(_http_client, transport)
            return sse_client(server.url, httpx_client_factory=make, sse_read_timeout=self._question.whole_s)
        # The meter of the line is the bound: pictures come as one event.
        return streamable_http_client(server.url, http_client=_http_client(transport), max_sse_event_size=None)

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """The server is at work."""
        self._waiting.deadline = self._patience_ends()

    def _left_s(self) -> float:
        return max(self._ends_at - time.monotonic(), 0.0)

    def _patience_ends(self) -> float:
        return anyio.current_time() + min(self._left_s(), self._question.idle_s)

    @property
    def meta(self) -> Any:
        return {IDEMPOTENCY_KEY: self._question.key} if self._question.key else None

    # -- errors ---------------------------------------------------------------------------------------------------

    def _too_late(self) -> ToolError:
        if self._is_unwanted:
            return ToolError("nobody waits for the result any more", delivery=self._lost)
        waited = f"{min(self._question.idle_s, self._question.whole_s):g} s"
        return self._gone(f"the MCP server gave no answer within {waited}")

    def _gone(self, message: str, **details: Json) -> ToolError:
        """The answer is lost, and with it what the server did. A tool that may have done something is called again only
        if whoever made the call says so."""
        is_harmless = self._question.is_harmless or self._question.method != CALL_TOOL
        again = is_harmless or self._lost is Delivery.NOT_SENT
        return ToolError(message, retryable=again, repeatable=True, delivery=self._lost, details=details)

    def _told(self, error: Exception) -> ToolError:
        """What went wrong, in one error: several tasks may have failed for one reason."""
        if self._line.failure is not None:
            return self._line.failure
        found = list(_leaves(error))
        for kind, tell in self._tellers():
            for leaf in found:
                if isinstance(leaf, kind):
                    return tell(leaf)
        name = type(found[0]).__name__
        # No trace: it may hold what the server was sent.
        log.error("speaking with a server raised", extra={"action": "mcp_raised", "error": name})
        return ToolError(
            f"internal error while speaking with the MCP server: {name}", repeatable=True, delivery=self._lost
        )

    def _tellers(self) -> tuple[tuple[type[Exception], Callable[[Any], ToolError]], ...]:
        return (
            (ToolError, lambda error: error),
            (HttpError, unanswered),
            (MCPError, self._of_protocol),
            (ValidationError, lambda error: self.unfit("it is not what the protocol says")),
            (httpx2.HTTPError, lambda error: self._line.refusal or self.unfit("the connection was lost")),
            (RuntimeError, lambda error: self.unfit(str(error))),
        )

    @property
    def _lost(self) -> Delivery:
        return Delivery.UNCLEAR if self._line.asked else Delivery.NOT_SENT

    def unfit(self, reason: str) -> ToolError:
        """The error for an answer that cannot be used."""
        message = cleaned(f"the answer of the MCP server cannot be used: {reason}", _LONGEST_MESSAGE)
        return ToolError(message, repeatable=True, delivery=self._lost)

    def _of_protocol(self, error: MCPError) -> ToolError:
        code, text = error.code, cleaned(error.message, _LONGEST_MESSAGE)
        if code in _OTHER_PROTOCOL and self._may_be_misunderstood(code):
            return _Misunderstood(text, delivery=Delivery.NOT_SENT)
        if self._line.refusal is not None and code in (INTERNAL_ERROR, METHOD_NOT_FOUND, INVALID_REQUEST):
            return self._line.refusal
        details = {"code": code}
        if code == URL_ELICITATION_REQUIRED:
            message = f"the MCP server wants a person to open an address first, which nobody was asked to do: {text}"
            return ToolError(message, details=details)
        if code == INVALID_PARAMS and self._line.asked:
            return ReportedError(f"the MCP server refused the call: {text}", details=details)
        if code == CONNECTION_CLOSED:
            return self._gone(f"the MCP server closed the connection before its answer was complete: {text}", code=code)
        return ToolError(
            f"the MCP server answered with the error {code}: {text}",
            repeatable=code in _REPEATABLE,
            delivery=self._lost if code in _OF_LIBRARY else Delivery.ANSWERED,
            details=details,
        )

    def _may_be_misunderstood(self, code: int) -> bool:
        """Whether nothing can have been done. After a handshake whoever is asked speaks as was agreed on; without one
        the question comes first, and only its refusal by the server itself says so."""
        if self._mode == _AUTO or not self._line.asked:
            return self._mode != _AUTO
        is_refused = self._line.was_refused or code == UNSUPPORTED_PROTOCOL_VERSION
        return is_refused and self._mode in MODERN_PROTOCOL_VERSIONS and self._line.questions <= 1


def _http_client(transport: httpx2.AsyncBaseTransport, **_: Any) -> httpx2.AsyncClient:
    """Nothing of the environment, and no time-outs: all waits end with the conversation."""
    return httpx2.AsyncClient(transport=transport, trust_env=False, timeout=None)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


def _json_of(found: BaseModel | Mapping[str, Json]) -> dict[str, Json]:
    if isinstance(found, BaseModel):
        found = found.model_dump(by_alias=True, mode="json", exclude_none=True)
    value: dict[str, Json] = to_storable(dict(found))
    return value


# -- questions ------------------------------------------------------------------------------------------------------


def objection(protocol: str, tool: Mapping[str, Any]) -> str | None:
    """Why a version of the protocol has a tool left out whose schema is a good one."""
    reason = find_invalid_x_mcp_header(tool["inputSchema"]) if protocol in MODERN_PROTOCOL_VERSIONS else None
    return (
        None if reason is None else cleaned(f"its inputSchema wants headers that cannot be: {reason}", _LONGEST_REASON)
    )


async def _list_tools(client: Client, arguments: Mapping[str, Json], of: _Conversation) -> Mapping[str, Json]:
    tools: list[Json] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await _page_of_tools(client, cursor)
        listed, cursor = page.get("tools"), page.get("nextCursor")
        if not isinstance(listed, list) or not isinstance(cursor, str | None):
            raise of.unfit("it is not what the protocol says")
        tools += listed
        if cursor is None or len(tools) > MOST_TOOLS:
            break
    return {"tools": tools}


async def _page_of_tools(client: Client, cursor: str | None) -> Mapping[str, Any]:
    """As it came. The library would check every tool of it, however many there are, and give none where one is not what
    it should be."""
    session = client.session
    request = ListToolsRequest(params=PaginatedRequestParams(cursor=cursor))
    data = request.model_dump(by_alias=True, mode="json", exclude_none=True)
    options: Any = {}
    session._stamp(data, options)
    return await session._dispatcher.send_raw_request(data["method"], data.get("params"), options)


async def _call_tool(client: Client, arguments: Mapping[str, Json], of: _Conversation) -> BaseModel | None:
    name, given = str(arguments["tool_name"]), arguments.get("arguments") or {}
    schema = arguments.get("input_schema")
    # Without the schema the library asks for the list again after each call, to check what was answered; that is done
    # where the pinned schema is. With it, it knows which arguments go into headers too.
    known = Tool(name=name, input_schema=schema if isinstance(schema, dict) else {"type": "object"})
    client.session._absorb_tool_listing(ListToolsResult(tools=[known]), complete=False)
    call = partial(client.session.call_tool, name, dict(given), progress_callback=of.progress, meta=of.meta)
    return await of.person.settle(client.protocol_version, call)


async def _list_resources(client: Client, arguments: Mapping[str, Json], of: _Conversation) -> BaseModel:
    return await client.list_resources(cursor=arguments.get("cursor"))


async def _read_resource(client: Client, arguments: Mapping[str, Json], of: _Conversation) -> BaseModel | None:
    read = partial(client.session.read_resource, _text(arguments, "uri"))
    return await of.person.settle(client.protocol_version, read)


async def _list_prompts(client: Client, arguments: Mapping[str, Json], of: _Conversation) -> BaseModel:
    return await client.list_prompts(cursor=arguments.get("cursor"))


async def _get_prompt(client: Client, arguments: Mapping[str, Json], of: _Conversation) -> BaseModel | None:
    given = arguments.get("arguments") or {}
    texts = {str(name): value if isinstance(value, str) else str(value) for name, value in given.items()}
    get = partial(client.session.get_prompt, _text(arguments, "name"), texts)
    return await of.person.settle(client.protocol_version, get)


def _text(arguments: Mapping[str, Json], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise BadArguments(f"`{name}` must be a text")
    return value


_Asking = Callable[[Client, Mapping[str, Json], _Conversation], Awaitable[BaseModel | Mapping[str, Json] | None]]
_ASKS: Mapping[str, _Asking] = {
    LIST_TOOLS: _list_tools,
    CALL_TOOL: _call_tool,
    "list_resources": _list_resources,
    "read_resource": _read_resource,
    "list_prompts": _list_prompts,
    "get_prompt": _get_prompt,
}
