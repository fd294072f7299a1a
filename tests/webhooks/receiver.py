"""What stands at the other end: remembers what it was sent, and answers as it is told."""

from collections.abc import Callable
from typing import Any

from standardwebhooks.webhooks import Webhook

from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.loopback.web_server import WebServer

PATH = "/told"
TAKEN = Reply(204, b"")


class Receiver:
    """`url` is where it listens. It takes what it is sent unless it is told otherwise."""

    def __init__(self, server: WebServer) -> None:
        self._server = server
        self.url = server.script(PATH, TAKEN)

    def answer(self, *replies: Reply | Callable[[RecordedRequest], Reply]) -> None:
        """Answer so, one after the other; the last again and again."""
        self._server.script(PATH, *replies)

    @property
    def requests(self) -> list[RecordedRequest]:
        return [request for request in self._server.requests if request.path == PATH]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.json() for request in self.requests]

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]

    def verified(self, secret: str) -> list[Any]:
        """The bodies, if all of them are signed with the secret."""
        return [Webhook(secret).verify(request.body, dict(request.headers)) for request in self.requests]
