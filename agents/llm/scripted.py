"""A model that says what it is told to, for tests of programs that ask models.

with scripted_model(["first answer", {"tool_calls": [...]}, ModelUnavailable()]) as model:
    ...
assert model.requests[0].messages[-1]["content"] == "..."
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agents.llm.answer import completion
from agents.llm.request import ModelRequest

Reply = str | Mapping[str, Any] | Exception | Callable[[ModelRequest], "str | Mapping[str, Any]"]


class ScriptExhausted(AssertionError):
    """The model was asked more often than it has replies."""


class ScriptedModel:
    """Gives its replies in order, to whichever thread asks, and keeps the requests.

    A reply is a text, the fields of a message, a whole completion (a mapping with `choices`), an exception to raise,
    or a function of the request that gives one of the first three.
    """

    def __init__(self, replies: Iterable[Reply]) -> None:
        self.requests: list[ModelRequest] = []
        self._replies = deque(replies)
        self._lock = threading.Lock()

    @property
    def unused(self) -> int:
        """How many replies are left."""
        return len(self._replies)

    def answer(self, request: ModelRequest) -> dict[str, Any]:
        """The next reply."""
        with self._lock:
            self.requests.append(request)
            if not self._replies:
                raise ScriptExhausted(f"no reply left for request {len(self.requests)}")
            reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        said = reply(request) if callable(reply) else reply
        if isinstance(said, str):
            return completion(request, {"content": said})
        return dict(said) if "choices" in said else completion(request, said)


_active: list[ScriptedModel] = []


def active_script() -> ScriptedModel | None:
    """The scripted model that answers all requests now, if there is one."""
    return _active[-1] if _active else None


@contextmanager
def scripted_model(replies: Iterable[Reply]) -> Iterator[ScriptedModel]:
    """Answer every model request of this process from the script inside the block."""
    model = ScriptedModel(replies)
    _active.append(model)
    try:
        yield model
    finally:
        _active.remove(model)
