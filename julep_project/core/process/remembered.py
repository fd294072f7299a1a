"""What was found a moment ago, for a process and a bounded number of things."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakSet

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_ALL: "WeakSet[Memory[object, object]]" = WeakSet()


class Memory(Generic[Key, Value]):
    """Values that are taken for true for `for_s` seconds from when somebody began to look for them.

    The oldest are dropped when there are more than `most`. Safe to share between threads; reading takes no lock.
    """

    def __init__(self, *, most: int, for_s: float) -> None:
        self._most = most
        self._for_s = for_s
        self._known: dict[Key, tuple[float, Value]] = {}
        self._lock = threading.Lock()
        _ALL.add(self)  # type: ignore[arg-type]

    def recall(self, key: Key) -> Value | None:
        """What was found, unless it is too long ago."""
        known = self._known.get(key)
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def recall_at_any_age(self, key: Key) -> Value | None:
        known = self._known.get(key)
        return None if known is None else known[1]

    def find(self, key: Key, look: Callable[[Key], Value]) -> Value:
        """What is remembered, or else what looking for it gives. What that raises is not remembered."""
        value = self.recall(key)
        return self._look(key, look) if value is None else value

    def forget(self, key: Key) -> None:
        """Look again next time: it was changed here."""
        with self._lock:
            self._known.pop(key, None)

    def forget_all(self) -> None:
        with self._lock:
            self._known.clear()

    def _look(self, key: Key, look: Callable[[Key], Value]) -> Value:
        until = time.monotonic() + self._for_s
        value = look(key)
        with self._lock:
            if len(self._known) >= self._most:
                for oldest in list(self._known)[: max(self._most // 4, 1)]:
                    del self._known[oldest]
            self._known.pop(key, None)
            self._known[key] = (until, value)
        return value


def forget_everything() -> None:
    """Look again for all that was found in this process."""
    for memory in list(_ALL):
        memory.forget_all()
