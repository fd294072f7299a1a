"""What goes between here and a server: every byte of it is counted, and goes by the checked network."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import anyio
import httpx
import httpx2
from django.conf import settings

from agents.tools.errors import Delivery, ToolError
from agents.tools.exchange import status_error, unanswered
from agents.tools.mcp.server import Server
from julep_project.core.http import (
    BadResponse,
    Blocked,
    HttpError,
    IncomingResponse,
    OutgoingRequest,
    StreamedResponse,
    StreamingClient,
    TooLarge,
    origin_of,
)
from julep_project.core.reading.outside_json import MAX_CONTAINERS, MAX_ELEMENTS, TooMuchJson, read_foreign_json
from julep_project.core.telemetry.tracing import outgoing_headers

# Of one conversation, which is one call: a server that needs more of something is not well.
MOST_MESSAGES = 10_000
_MOST_REQUESTS = 100
_LONGEST_REFUSAL = 64 * 1024
# No server of an older version answers so to something it does not know.
_FINAL = frozenset({401, 402, 403, 407, 408, 425, 429, 502, 503, 504, 524})
_SESSION = "mcp-session-id"
_LISTENING_S = 0.5
_CANCELLING_S = 1.0
_STEP_S = 0.01
_CANCELLED = "notifications/cancelled"
# What a conversation is held for.
_QUESTIONS = frozenset({"tools/call", "tools/list", "resources/list", "resources/read", "prompts/list", "prompts/get"})
_MESSAGE = re.compile(rb'"jsonrpc"')
_OURS = frozenset({"accept-encoding", "connection", "host", "content-length", "user-agent"})


@dataclass(slots=True)
class Meter:
    """Counts what a server sends. A parser builds before anybody can look, so that parts of JSON are counted before
    there are any; those in texts count as well."""

    size: int = 0
    containers: int = 0
    commas: int = 0
    messages: int = 0

    def count(self, piece: bytes) -> None:
        """Count one more piece.

        Raises:
            TooLarge
        """
        self.size += len(piece)
        self.containers += piece.count(b"{") + piece.count(b"[")
        self.commas += piece.count(b",")
        self.messages += len(_MESSAGE.findall(piece))
        if self.size > settings.JULEP_HTTP_MAX_BYTES:
            limit = f"{settings.JULEP_HTTP_MAX_BYTES} bytes (setting JULEP_HTTP_MAX_BYTES)"
            raise TooLarge(f"the server has sent more than {limit} in one call")
        if self.containers > MAX_CONTAINERS or self.commas > MAX_ELEMENTS:
            raise TooLarge(f"the JSON of the server has more than {MAX_CONTAINERS:,} objects or {MAX_ELEMENTS:,} parts")
        if self.messages > MOST_MESSAGES:
            raise TooLarge(f"the server has sent more than {MOST_MESSAGES:,} messages in one call")


class Line:
    """The state of one conversation. What goes wrong below the library ends all of it: the library would go on."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.meter = Meter()
        self.failure: ToolError | None = None
        self.refusal: ToolError | None = None
        self.asked = False
        # How often the question was sent: a server may want to know more, and is asked again then.
        self.questions = 0
        # Whether `refusal` was said in the words of the protocol.
        self.was_refused = False
        self.cancelling = 0
        # The stream beside the calls of a session was answered, or refused.
        self.listens = anyio.Event()
        self._scope = scope

    def fail(self, error: ToolError, *, is_of_question: bool = False) -> None:
        """End the conversation with this error, if it has none yet. What became of another request says nothing of
        the question that is with the server."""
        if self.questions > is_of_question:
            error.delivery = Delivery.UNCLEAR
        self.failure = self.failure or error
        self._scope.cancel()

    def count(self, piece: bytes) -> None:
        """Count what has arrived.

        Raises:
            TooLarge: and the conversation has ended.
        """
        try:
            self.meter.count(piece)
        except TooLarge as error:
            self.fail(unanswered(error))
            raise

    async def cancellation_sent(self) -> None:
        """Wait for a moment, as long as the server is being told that nobody waits for its answer."""
        with anyio.move_on_after(_CANCELLING_S):
            await anyio.sleep(_STEP_S)
            while self.cancelling:
                await anyio.sleep(_STEP_S)


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Carries the library's requests, each with the headers of the server's definition, to its origin and no other."""

    def __init__(self, server: Server, line: Line, client: StreamingClient) -> None:
        self._server = server
        self._line = line
        self._client = client
        self._sent: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and give its answer, whose body may still be under way."""
        content = await request.aread()
        outgoing = self._outgoing(request, content)
        message = _message_of(content) if request.method == "POST" else None
        if message == _CANCELLED:
            return await self._cancelled(request, outgoing)
        is_question = message in _QUESTIONS
        self._line.questions += is_question
        if is_question and _SESSION in request.headers:
            # Servers send there what they ask while they are at work; before there is a stream it is lost.
            with anyio.move_on_after(_LISTENING_S):
                await self._line.listens.wait()
        try:
            self._check(outgoing)
            answer = await self._client.open(outgoing)
        except HttpError as error:
            # Streams beside the one of the call may be refused; without a way for what is sent nothing goes on.
            is_beside = request.method != "POST" and self._server.transport != "sse"
            if not is_beside or isinstance(error, Blocked):
                self._line.fail(unanswered(error), is_of_question=is_question)
            raise httpx2.ConnectError(str(error), request=request) from error
        finally:
            if request.method == "GET":
                self._line.listens.set()
        if answer.status >= 400:
            return await self._refused(request, outgoing, answer, is_question=is_question)
        if is_question or (request.method == "POST" and not self._line.questions):
            self._line.refusal = None
            self._line.was_refused = False
        return httpx2.Response(
            answer.status, headers=_plain(answer.headers), stream=_Body(answer, self._line), request=request
        )

    async def _cancelled(self, request: httpx2.Request, outgoing: OutgoingRequest) -> httpx2.Response:
        """Tell the server that nobody waits any more. What it says to that changes nothing."""
        self._line.cancelling += 1
        try:
            self._check(outgoing)
            await (await self._client.open(outgoing)).aclose()
        except HttpError:
            pass
        finally:
            self._line.cancelling -= 1
        return httpx2.Response(202, request=request)

    def _outgoing(self, request: httpx2.Request, content: bytes) -> OutgoingRequest:
        given = {name: value for name, value in request.headers.items() if name not in _OURS}
        headers = {
            **outgoing_headers(),
            **{name.lower(): value for name, value in self._server.headers.items()},
            **given,
        }
        return OutgoingRequest(request.method, str(request.url), headers=headers, content=content or None)

    def _check(self, outgoing: OutgoingRequest) -> None:
        self._sent[outgoing.method] += 1
        if self._sent[outgoing.method] > _MOST_REQUESTS:
            raise TooLarge(f"the server has let more than {_MOST_REQUESTS} requests be made in one call")
        there, wanted = origin_of(outgoing.url), origin_of(self._server.url)
        if there.rpartition("@")[2] != wanted.rpartition("@")[2] and not _is_upgrade(wanted, there):
            raise Blocked("the server names another origin than its own")

    async def _refused(
        self, request: httpx2.Request, outgoing: OutgoingRequest, answer: StreamedResponse, *, is_question: bool
    ) -> httpx2.Response:
        """An answer with an error: remembered, since the library tells nothing of it, and final if it is for any
        version of the protocol."""
        content = b""
        try:
            async for piece in answer:
                self._line.count(piece)
                content = (content + piece)[:_LONGEST_REFUSAL]
                if len(content) == _LONGEST_REFUSAL:
                    break
        except HttpError:
            pass  # the status says enough
        finally:
            await answer.aclose()
        if request.method == "POST" or self._server.transport == "sse":
            refusal = status_error(outgoing, IncomingResponse(answer.status, answer.headers, content, outgoing.url))
            if is_question or not self._line.questions:
                self._line.refusal = refusal
                self._line.was_refused = _is_of_protocol(content)
            if answer.status in _FINAL or self._server.transport == "sse":
                self._line.fail(refusal, is_of_question=is_question)
        return httpx2.Response(answer.status, headers=_plain(answer.headers), content=content, request=request)


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, counted."""

    def __init__(self, answer: StreamedResponse, line: Line) -> None:
        self._answer = answer
        self._line = line

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer:
                self._line.count(piece)
                yield piece
        except HttpError as error:
            if isinstance(error, BadResponse | TooLarge):
                self._line.fail(unanswered(error))
            raise httpx2.ReadError(str(error)) from error

    async def aclose(self) -> None:
        await self._answer.aclose()


def _message_of(content: bytes) -> str | None:
    """What a message of ours is about; None for an answer to the server."""
    about = json.loads(content).get("method")
    return about if isinstance(about, str) else None


def _is_of_protocol(content: bytes) -> bool:
    try:
        return isinstance(read_foreign_json(content)["error"], Mapping)
    except (ValueError, TypeError, KeyError, TooMuchJson):
        return False


def _plain(headers: httpx.Headers) -> Mapping[str, str]:
    """The headers of an answer whose body is decoded here."""
    return {name: value for name, value in headers.items() if name not in {"content-encoding", "content-length"}}


def _is_upgrade(wanted: str, there: str) -> bool:
    """Whether it is the same host, now encrypted. Ports are named where they are not the usual ones."""
    return wanted.startswith("http://") and there == wanted.replace("http://", "https://", 1)
