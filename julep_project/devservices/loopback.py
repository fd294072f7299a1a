"""A small threaded HTTP server on the loopback interface that records what it is asked. For the demo and for tests."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class RecordedRequest:
    """A request as it arrived; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; of a repeated one the last."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def json(self) -> Any:
        """The body read as JSON.

        Raises:
            ValueError
        """
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer.

    `raw` replaces everything: its pieces, or those that a function of the connection gives, are written as they are,
    then the connection is closed.
    """

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    raw: Iterable[bytes] | Callable[[socket.socket], Iterable[bytes]] | None = None
    pause_s: float = 0.0

    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def content_type(self) -> str:
        """What the body looks like."""
        return "application/json" if isinstance(self.body, dict | list) else "text/plain; charset=utf-8"


class Served:
    """Lets a server serve in a thread between `start` and `stop`, or inside a `with` block."""

    def __init__(self, server: TCPServer) -> None:
        self.server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server.server_address[1])

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


class LoopbackServer(Served):
    """Serves `answer` on a free port of 127.0.0.1."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[RecordedRequest] = []
        self.stopping = threading.Event()
        super().__init__(_Server(("127.0.0.1", port), self))

    @property
    def url(self) -> str:
        """Base URL without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: RecordedRequest) -> Reply:
        """The reply to a request; called from many threads."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop serving; replies being delayed are cut short."""
        self.stopping.set()
        super().stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: LoopbackServer) -> None:
        super().__init__(address, _Handler)
        self.owner = owner


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def serve(self) -> None:
        owner = self.server.owner
        request = self._read()
        owner.requests.append(request)
        reply = owner.answer(request)
        if reply.delay_s:
            owner.stopping.wait(reply.delay_s)
        if reply.raw is None:
            self._write(reply)
        else:
            pieces = reply.raw(self.connection) if callable(reply.raw) else reply.raw
            self._write_raw(pieces, reply.pause_s)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = serve

    def _read(self) -> RecordedRequest:
        return RecordedRequest(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )

    def _write(self, reply: Reply) -> None:
        payload = reply.payload()
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.content_type(), **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def _write_raw(self, pieces: Iterable[bytes], pause_s: float) -> None:
        self.close_connection = True
        for piece in pieces:
            if self.server.owner.stopping.is_set():
                return
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(pause_s)

    def log_message(self, format: str, *args: object) -> None:
        return
