"""How many chats calls of agents lead to: agents that ask several others, which do the same, are more with each level.

A chat that another one waits for holds a thread of it, and one with a loop of its own, so of those that are under way
in a process there is a number, and a smaller one for each developer: some threads are left to whoever else calls tools.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

from django.conf import settings

from agents.tools.errors import Delivery, NotYet, ToolError
from agents.tools.registry import ToolCall

# That one call leads to in all, however they follow one another.
MOST_OF_ONE_CALL = 50
_LOOKS_EVERY_S = 1.0


class TooManyChats(NotYet):
    """As many agents answer others in this process as may."""

    kind = "TooManyChats"
    waits_for = "the answers of other agents"


class TooManyAnswers(ToolError):
    """The call from which all came has led to as many answers of agents as it may."""

    kind = "TooManyAnswers"


@dataclass(slots=True)
class _Tree:
    chats: int = 0


_lock = Lock()
_under_way: Counter[UUID] = Counter()
# It goes along into the threads and loops of the chats below.
_tree: ContextVar[_Tree | None] = ContextVar("agents_asked", default=None)


@contextmanager
def place_for(call: ToolCall) -> Iterator[None]:
    """Let an agent answer the call meanwhile. One that a run makes holds the thread of its worker and no other.

    Raises:
        TooManyChats, TooManyAnswers
    """
    tree = _tree.get() or _Tree()
    _enter(call, tree)
    token = _tree.set(tree)
    try:
        yield
    finally:
        _tree.reset(token)
        _leave(call)


def _enter(call: ToolCall, tree: _Tree) -> None:
    threads, whose = settings.CHAT_TOOL_THREADS, call.developer.pk
    with _lock:
        if tree.chats >= MOST_OF_ONE_CALL:
            told = f"one call may lead to {MOST_OF_ONE_CALL} answers of agents, and has"
            raise TooManyAnswers(told, delivery=Delivery.NOT_SENT)
        if not call.comes_again:
            is_full = _under_way.total() >= max(threads * 3 // 4, 1)
            if is_full or _under_way[whose] >= max(threads // 2, 1):
                raise TooManyChats("as many agents answer others as may at once: try again later", _LOOKS_EVERY_S)
            _under_way[whose] += 1
        tree.chats += 1


def _leave(call: ToolCall) -> None:
    if call.comes_again:
        return
    with _lock:
        _under_way[call.developer.pk] -= 1
        if not _under_way[call.developer.pk]:
            del _under_way[call.developer.pk]
