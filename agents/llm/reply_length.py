"""How much a model may say in one answer, whoever asked."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from julep_project.core.errors import ReplyTooLong

Json = Any

# Each is carried out, or at least answered.
MOST_CALLS = 256


class ReplyLength:
    """Counts an answer, whole or while it arrives."""

    def __init__(self) -> None:
        self._characters = 0
        self._calls: set[tuple[Json, Json]] = set()
        self._whole_calls = 0

    def add(self, part: Mapping[str, Json]) -> None:
        """Count a whole answer, or one more chunk: its texts, and something for each piece without one, since there
        may be no end of those either.

        Raises:
            ReplyTooLong
        """
        choices = part.get("choices") or ()
        self._characters += 1 + _characters(choices)
        if self._characters > settings.MAX_REPLY_CHARACTERS:
            raise ReplyTooLong(f"The model's reply is longer than {settings.MAX_REPLY_CHARACTERS} characters")
        for choice in choices:
            self._count_calls(choice)
        if len(self._calls) + self._whole_calls > MOST_CALLS:
            raise ReplyTooLong(f"The model's reply calls tools more than {MOST_CALLS} times")

    def _count_calls(self, choice: Mapping[str, Json]) -> None:
        """The pieces of a call have the same index; a call that has none came whole."""
        message = choice.get("delta") or choice.get("message") or {}
        for call in message.get("tool_calls") or ():
            if call.get("index") is None:
                self._whole_calls += 1
            else:
                self._calls.add((choice.get("index"), call["index"]))


def _characters(choices: Json) -> int:
    """The characters of all texts, and one for each item of a list."""
    count, left = 0, [choices]
    while left:
        value = left.pop()
        if isinstance(value, str):
            count += len(value)
        elif isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            count += len(value)
            left.extend(value)
    return count
