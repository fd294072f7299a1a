"""A model that says what it is told to, for tests of programs that ask models.

with scripted_model(["first answer", {"tool_calls": [...]}, ModelUnavailable()]) as model:
    ...
assert model.requests[0].messages[-1]["content"] == "..."
"""

import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agents.llm.chunks import Chunk, cut
from agents.llm.own.answer import completion
from agents.llm.request import ModelRequest
from julep_project.core.errors import ModelRefused


class Spoken:
    """A reply in pieces: texts, functions awaited between them (a pause), and an exception to break off with.

    Asked for a whole answer, the texts are joined, nothing is awaited, and the exception is raised.
    """

    def __init__(self, *pieces: str | Exception | Callable[[], Awaitable[object]]) -> None:
        self.pieces = pieces

    def text(self) -> str:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
        return "".join(piece for piece in self.pieces if isinstance(piece, str))


Said = str | Mapping[str, Any] | Spoken
Reply = Said | Exception | Callable[[ModelRequest], Said]


class ScriptExhausted(AssertionError):
    """The model was asked more often than it has replies."""


class ScriptedModel:
    """Gives its replies in order, to whichever thread asks, and keeps the requests.

    A reply is a text, the fields of a message, a whole completion (a mapping with `choices`), pieces (`Spoken`), an
    exception to raise, or a function of the request that gives one of the first four. In a stream, what is not in
    pieces is said word by word. `closed` counts the streams that were closed, after their end or before. As providers
    do, it refuses a prompt in which calls and results do not go together; see `find_unpaired`.
    """

    def __init__(self, replies: Iterable[Reply]) -> None:
        self.requests: list[ModelRequest] = []
        self.closed = 0
        self._replies = deque(replies)
        self._lock = threading.Lock()

    @property
    def unused(self) -> int:
        """How many replies are left."""
        return len(self._replies)

    def answer(self, request: ModelRequest) -> dict[str, Any]:
        return _whole(request, self._next(request))

    def stream(self, request: ModelRequest) -> "ScriptedStream":
        """The next reply as a stream."""
        return ScriptedStream(self, request, self._next(request))

    def _next(self, request: ModelRequest) -> Said:
        with self._lock:
            self.requests.append(request)
            problem = find_unpaired(request.messages)
            if problem is not None:
                raise ModelRefused(problem)
            if not self._replies:
                raise ScriptExhausted(f"no reply left for request {len(self.requests)}")
            reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply(request) if callable(reply) else reply


class ScriptedStream:
    """A reply of the script, piece by piece."""

    def __init__(self, model: ScriptedModel, request: ModelRequest, said: Said) -> None:
        self._model = model
        self._pieces = said.pieces if isinstance(said, Spoken) else None
        texts = [piece for piece in self._pieces or () if isinstance(piece, str)]
        self._answer = _whole(request, "".join(texts) if self._pieces is not None else said)
        self.usage: Mapping[str, Any] | None = self._answer.get("usage")

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """The pieces; without any of its own, the words."""
        said = list(cut(self._answer))
        if self._pieces is None:
            for chunk in said:
                yield chunk
            return
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, str):
                choice = {"index": 0, "delta": {"role": "assistant", "content": piece}}
                yield {**said[0], "choices": [{**choice, "finish_reason": None, "logprobs": None}]}
            else:
                await piece()
        yield said[-1]

    async def aclose(self) -> None:
        self._model.closed += 1


def find_unpaired(messages: Iterable[Mapping[str, Any]]) -> str | None:
    """What providers object to: a call whose result does not follow at once, or a result of no call before it."""
    waiting: set[Any] = set()
    for number, message in enumerate(messages):
        if message.get("role") != "tool":
            if waiting:
                break
            waiting = {call["id"] for call in message.get("tool_calls") or ()}
        elif message.get("tool_call_id") in waiting:
            waiting.remove(message["tool_call_id"])
        else:
            return f"messages[{number}] is the result of no call before it"
    return f"no result follows the calls {sorted(waiting)}" if waiting else None


def _whole(request: ModelRequest, said: Said) -> dict[str, Any]:
    if isinstance(said, Spoken):
        said = said.text()
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
