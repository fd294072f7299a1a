"""A browser's DevTools endpoint on loopback: answers commands as told, and writes them down."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, Self

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

Answer = dict[str, Any] | Callable[[ServerConnection, dict[str, Any]], Any]
_LONGEST_WAIT_S = 30
_PATH = "/devtools/browser/b1"


class DevToolsServer:
    """`answers[method]` is the result of a command; a function answers by itself, or not at all."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.refuse: HTTPStatus | None = None
        self.answers: dict[str, Answer] = {
            "Target.getTargets": {"targetInfos": [{"type": "worker"}, {"type": "page", "targetId": "t1"}]},
            "Target.createTarget": {"targetId": "t2"},
            "Target.attachToTarget": {"sessionId": "s1"},
            "Runtime.evaluate": {"result": {"value": [10, 20]}},
            "Page.captureScreenshot": {"data": "UE5H"},
            "Page.navigate": self._load,
            "Page.reload": self._load,
        }
        self._open = 0
        self._changed = threading.Condition()
        self._server = serve(self._serve, "127.0.0.1", 0, process_request=self._ask)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Its address for people: the websocket is found through it."""
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    @property
    def websocket_url(self) -> str:
        """The address of the websocket itself."""
        return f"ws{self.url.removeprefix('http')}{_PATH}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Parameters of all commands of this name, once whoever sent commands has hung up."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._open, _LONGEST_WAIT_S)
        return [command["params"] for command in self.commands if command["method"] == method]

    def _ask(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if request.path == "/json/version":
            # As a browser behind a forwarded port does it.
            told = json.dumps({"webSocketDebuggerUrl": f"ws://10.9.8.7:9222{_PATH}"}).encode()
            headers = Headers(
                {"Content-Type": "application/json", "Content-Length": str(len(told)), "Connection": "close"}
            )
            return Response(200, "OK", headers, told)
        if self.refuse is not None:
            return connection.respond(self.refuse, "no\n")
        return None

    def _serve(self, connection: ServerConnection) -> None:
        with self._counted(), suppress(ConnectionClosed):
            for text in connection:
                command = json.loads(text)
                self.commands.append(command)
                answer = self.answers.get(command["method"], {})
                if callable(answer):
                    answer(connection, command)
                else:
                    connection.send(json.dumps({"id": command["id"], "result": answer}))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._open += 1
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _load(self, connection: ServerConnection, command: dict[str, Any]) -> None:
        """Events may come before the answer."""
        connection.send(json.dumps({"method": "Page.domContentEventFired", "params": {}}))
        connection.send(json.dumps({"id": command["id"], "result": {"loaderId": "l1"}}))
