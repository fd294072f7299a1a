"""A websocket of a call: to checked addresses only, bounded in time, in the bytes of a message and in all of them."""

import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from django.conf import settings
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from agents.tools.errors import BadArguments, Delivery, ToolError
from agents.tools.integrations.method import IntegrationCall
from agents.tools.integrations.web import is_named
from julep_project.core import http
from julep_project.core.http import connect, host_and_port

_PIECE = 64 * 1024
_MOST_MESSAGES = 10_000
_WHOLE = 4  # times the bytes of one message


class WebSocket:
    """An open connection; texts go both ways. To be used in a `with` block."""

    def __init__(self, call: IntegrationCall, url: str) -> None:
        """Open it.

        Raises:
            ToolError
        """
        self._ends_at = min(call.ends_at, time.monotonic() + settings.JULEP_HTTP_TIMEOUT_S)
        self._most_bytes = _WHOLE * settings.JULEP_HTTP_MAX_BYTES
        self._messages = 0
        self._received: deque[str] = deque()
        self._parts: list[bytes] = []
        with _told():
            self._socket = self._dial(call, url)
        try:
            self._protocol = ClientProtocol(parse_uri(url), max_size=settings.JULEP_HTTP_MAX_BYTES)
            self._shake_hands()
        except (WebSocketException, ValueError) as error:
            self._socket.close()
            raise BadArguments("the address of the browser cannot be read") from error
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, ToolError, WebSocketException):
            self._protocol.send_close()
            self._flush()
        self._socket.close()

    def send(self, text: str) -> None:
        """Send a text.

        Raises:
            ToolError
        """
        with _told():
            self._protocol.send_text(text.encode())
            self._flush()

    def receive(self) -> str:
        """The next text that arrives.

        Raises:
            ToolError: none does in time, the connection ended, or it is more than is allowed.
        """
        with _told():
            return self._next(self._ends_at)

    def receive_within(self, seconds: float) -> str | None:
        """The next text, if one arrives so soon.

        Raises:
            ToolError: the connection ended, or it is more than is allowed.
        """
        with _told():
            try:
                return self._next(min(self._ends_at, time.monotonic() + seconds))
            except TimeoutError:
                return None

    def _next(self, until: float) -> str:
        while not self._received:
            self._read(until)
            if self._protocol.state is not State.OPEN and not self._received:
                raise self._ended()
        return self._received.popleft()

    def _dial(self, call: IntegrationCall, url: str) -> socket.socket:
        if not url.startswith(("ws://", "wss://")):
            raise BadArguments("the address of a websocket starts with ws:// or wss://")
        plain = plain_address(url)
        try:
            host, port = host_and_port(plain)
            connection = connect(host, port, _left(self._ends_at), is_named=is_named(call.provider, plain))
        except http.HttpError as error:
            raise ToolError(str(error), retryable=error.retryable, delivery=Delivery.NOT_SENT) from error
        if plain.startswith("http://"):
            return connection
        try:
            return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        except (OSError, ValueError) as error:
            connection.close()
            passing = not isinstance(error, ssl.SSLCertVerificationError)
            raise ToolError(f"no TLS with {host}", retryable=passing, delivery=Delivery.NOT_SENT) from error

    def _shake_hands(self) -> None:
        self._protocol.send_request(self._protocol.connect())
        with _told():
            self._flush()
            while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
                self._read(self._ends_at)
        refused = self._protocol.handshake_exc
        if isinstance(refused, InvalidStatus):
            status = refused.response.status_code
            raise ToolError(
                f"no websocket: it was answered with status {status}", retryable=status in (429, 502, 503, 504)
            )
        if refused is not None:
            raise ToolError("no websocket: it was not answered as one", repeatable=True) from refused

    def _read(self, until: float) -> None:
        self._socket.settimeout(_left(until))
        data = self._socket.recv(_PIECE)
        self._most_bytes -= len(data)
        if self._most_bytes < 0:
            raise ToolError("the browser sends more than is read of it (setting JULEP_HTTP_MAX_BYTES)", repeatable=True)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            else:
                assert isinstance(event, Response)

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT, Opcode.BINARY):
            return
        self._messages += 1
        if self._messages > _MOST_MESSAGES:
            raise ToolError(f"the browser sends more than {_MOST_MESSAGES} messages", repeatable=True)
        self._parts.append(bytes(frame.data))
        if frame.fin:
            self._received.append(b"".join(self._parts).decode("utf-8", "replace"))
            self._parts = []

    def _ended(self) -> ToolError:
        if isinstance(self._protocol.parser_exc, PayloadTooBig):
            most = settings.JULEP_HTTP_MAX_BYTES
            return ToolError(f"the browser sent more than {most} bytes (setting JULEP_HTTP_MAX_BYTES)", repeatable=True)
        return _lost("the other side ended it")

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._socket.settimeout(_left(self._ends_at))
            if data:
                self._socket.sendall(data)
            else:
                self._socket.shutdown(socket.SHUT_WR)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def plain_address(url: str) -> str:
    """The http address at the same place as a websocket."""
    return f"http{url[2:]}" if url.startswith(("ws://", "wss://")) else url


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ToolError("the browser did not answer in time", repeatable=True, delivery=Delivery.UNCLEAR) from error
    except (OSError, WebSocketException) as error:
        raise _lost(type(error).__name__) from error


def _lost(why: str) -> ToolError:
    message = f"the connection to the browser was lost: {why[:100]}"
    return ToolError(message, repeatable=True, delivery=Delivery.UNCLEAR)
