"""The demo's web services plus scripted answers: what a test says a path replies, one reply per request."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from julep_project.devservices.demo_web import DemoWeb
from julep_project.devservices.loopback import RecordedRequest, Reply

Script = Reply | Callable[[RecordedRequest], Reply]


class WebServer(DemoWeb):
    """`script(path, ...)` sets what a path answers; the last of several answers is repeated."""

    def __init__(self, texts: Path | None = None) -> None:
        super().__init__(texts)
        self._scripts: dict[str, deque[Script]] = {}

    def script(self, path: str, *replies: Script) -> str:
        """Answer this path so, and give its URL."""
        self._scripts[path] = deque(replies)
        return self.url + path

    def answer(self, request: RecordedRequest) -> Reply:
        """The scripted answer, else what the demo would say."""
        replies = self._scripts.get(request.path)
        if replies is None:
            return super().answer(request)
        reply = replies.popleft() if len(replies) > 1 else replies[0]
        return reply if isinstance(reply, Reply) else reply(request)
