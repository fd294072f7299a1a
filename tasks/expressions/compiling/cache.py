"""A bounded cache of compiled sources, safe for threads."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Compiled = TypeVar("Compiled")


class SourceCache(Generic[Compiled]):
    """Keeps the most recently used results, bounded in number and in characters of source.

    Failures are not kept. Two threads may compile the same text at once; both results are good.
    """

    def __init__(self, compile: Callable[[str], Compiled], *, max_entries: int, max_characters: int) -> None:
        self._compile = compile
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._entries: OrderedDict[str, Compiled] = OrderedDict()
        self._lock = threading.Lock()
        self.characters = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, source: str) -> Compiled:
        with self._lock:
            found = self._entries.get(source)
            if found is not None:
                self._entries.move_to_end(source)
                return found
        compiled = self._compile(source)
        with self._lock:
            self._store(source, compiled)
        return compiled

    def _store(self, source: str, compiled: Compiled) -> None:
        if source not in self._entries:
            self.characters += len(source)
        self._entries[source] = compiled
        while len(self._entries) > self._max_entries or self.characters > self._max_characters:
            dropped, _ = self._entries.popitem(last=False)
            self.characters -= len(dropped)
