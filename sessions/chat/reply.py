"""What a model says in one call, whole or as it arrives."""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.llm.chunks import AnswerBuilder

Json = Any

_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")
# The only reasons clients know; whatever else a provider says counts as a normal end.
_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls"})
FILLER_REASON = "stop"


class Reply:
    """The first choice of one answer, as far as it came."""

    def __init__(self) -> None:
        self._pieces = AnswerBuilder()
        self._whole: Mapping[str, Json] | None = None

    def add_whole(self, completion: Mapping[str, Json]) -> None:
        """Take in an answer that is not streamed."""
        self._whole = completion

    def add(self, chunk: Mapping[str, Json]) -> str:
        """Take in a chunk of a streamed answer. Returns the text it adds."""
        self._pieces.add(chunk)
        choices = chunk.get("choices") or ()
        return (choices[0].get("delta") or {}).get("content") or "" if choices else ""

    @property
    def content(self) -> str | None:
        """The text; None when there is none."""
        return self._message.get("content") or None

    @property
    def tool_calls(self) -> list[dict[str, Json]]:
        """The calls, in order."""
        return list(self._message.get("tool_calls") or ())

    @property
    def finish_reason(self) -> str:
        """Why it ended, in the words clients know."""
        reason = self._choice.get("finish_reason")
        return reason if reason in _REASONS else FILLER_REASON

    @property
    def logprobs(self) -> Json:
        """As the provider gives them."""
        return self._choice.get("logprobs")

    @property
    def usage(self) -> dict[str, int]:
        """The three counts; 0 where the provider gives none."""
        used = self._answer.get("usage") or {}
        return {name: int(used.get(name) or 0) for name in _USAGE}

    def message(self) -> dict[str, Json]:
        """The message as it is stored."""
        return {"role": "assistant", "content": self.content, "tool_calls": self.tool_calls or None}

    def message_for_model(self) -> dict[str, Json]:
        """The message as it goes back to the model that said it, with what it thought."""
        return {**self.message(), "thinking_blocks": self._message.get("thinking_blocks") or None}

    @property
    def _answer(self) -> Mapping[str, Json]:
        return self._pieces.answer() if self._whole is None else self._whole

    @property
    def _choice(self) -> Mapping[str, Json]:
        choices = self._answer.get("choices")
        return choices[0] if choices else {}

    @property
    def _message(self) -> Mapping[str, Json]:
        return self._choice.get("message") or {}


def total_usage(usages: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of the counts of several calls."""
    listed = list(usages)
    return {name: sum(usage[name] for usage in listed) for name in _USAGE}
