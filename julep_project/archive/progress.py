"""Tells a person every few seconds how far it is."""

import time
from collections.abc import Callable

_EVERY_S = 5.0


class Progress:
    """Called with a name, how much is done, and how much there is."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._said_at = time.monotonic()

    def __call__(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= _EVERY_S:
            self._said_at = now
            self._say(f"{name}: {done} of {total}")
