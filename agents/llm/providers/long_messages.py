"""Keeps the client library from looking for secrets in all of a message, which repeats what a provider sent.

It does so for every error, with one pattern that takes a second for 1 MB, and far longer for some texts. Meanwhile no
other thread runs.
"""

import re
from collections.abc import Callable
from typing import Any

# Many times what anybody is shown of one.
LONGEST = 4096


class BeginningOnly:
    """A pattern that takes the beginning of a text for all of it."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def sub(self, replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        """The beginning, with what matches replaced. Of the rest nothing is left."""
        return self._pattern.sub(replacement, text[:LONGEST])


def shorten(secret_redaction: Any) -> None:
    """Have that module of the library look at beginnings."""
    if not isinstance(secret_redaction._SECRET_RE, BeginningOnly):
        secret_redaction._SECRET_RE = BeginningOnly(secret_redaction._SECRET_RE)
