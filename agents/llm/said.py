"""What a provider says, in one form: a message or a piece of one, whatever form it came in.

Only what a person would read counts as text. What a model thought is kept apart, under whatever name it comes, and so
is what it says to refuse.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text, to_storable

log = logging.getLogger(__name__)

_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
_THOUGHT_PARTS = frozenset({"thinking", "reasoning"})
_REFUSAL_PART = "refusal"
# What else a part of the content may be, and nobody reads.
_SILENT_PARTS = frozenset({"reference", "citation", "tool_call", "tool_use", "redacted_thinking"})
_PART_FIELDS = ("text", "refusal", "thinking", "reasoning", "content")
_DEEPEST_PART = 4
# Why a provider ends an answer: one reason for each of the names it has. An unknown one is a normal end.
ENDS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "insufficient_system_resource",
            "length",
            "max_output_tokens",
            "max_tokens",
            "model_context_window_exceeded",
            "model_length",
        ),
        "length",
    ),
    **dict.fromkeys(
        (
            "blocklist",
            "content_filter",
            "content_filtered",
            "guardrail_intervened",
            "image_safety",
            "prohibited_content",
            "recitation",
            "refusal",
            "safety",
            "sensitive",
            "spii",
        ),
        "content_filter",
    ),
    **dict.fromkeys(("function_call", "tool_call", "tool_calls", "tool_use"), "tool_calls"),
}
# Why it ends where there is no answer, though the provider says so as if there were one.
FAILURES = frozenset(
    {
        "error",
        "malformed_function_call",
        "malformed_response",
        "missing_thought_signature",
        "network_error",
        "too_many_tool_calls",
        "unexpected_tool_call",
    }
)
# Providers that now and then end an answer well with nothing in it, where the model could not answer.
FAILS_SILENTLY = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})
SILENT_FAILURE = "the model provider ended its answer with nothing in it"
_LONGEST_FAILURE = 300
# Of probabilities: those of what was said, and of a refusal.
_LISTS = ("content", "refusal")


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A call of a tool or a part of one. `id` is the provider's, if it is one."""

    index: int | None
    id: str
    name: str
    arguments: str
    type: str


@dataclass(frozen=True, slots=True)
class Said:
    """What is said in a message, or added to one. A `refusal` is said in place of the text that was asked for."""

    text: str
    refusal: str
    thought: str
    blocks: list[Mapping[str, Json]]
    calls: list[CallPiece]


def read_said(message: Json) -> Said:
    """What a message or a delta says; nothing, if it is no such thing."""
    if not isinstance(message, Mapping):
        return Said("", "", "", [], [])
    apart = _Apart()
    content = message.get("content")
    text = content if isinstance(content, str) else "".join(_texts(content, apart, _DEEPEST_PART))
    said = next((message[name] for name in _THOUGHT_FIELDS if message.get(name)), "")
    thought = said if isinstance(said, str) else "".join(_texts(said, _Apart(), _DEEPEST_PART))
    blocks = message.get("thinking_blocks")
    return Said(
        text,
        _refusal(message) or "".join(apart.refusals),
        thought or "".join(apart.thoughts),
        [block for block in blocks if isinstance(block, Mapping)] if isinstance(blocks, list) else [],
        [_call_piece(call) for call in _calls(message)],
    )


def end_of(reason: Json) -> str | None:
    """Why an answer ended, of `stop`, `tool_calls`, `length` and `content_filter`; None where nothing is said."""
    return ENDS.get(str(reason).lower(), "stop") if reason else None


def failure_of(choice: Mapping[str, Json]) -> str | None:
    """What a provider says of an answer that it ended with an error; None if it did not."""
    beside = choice.get("provider_specific_fields")
    beside = beside if isinstance(beside, Mapping) else {}
    error = choice.get("error") or beside.get("error")
    reason = str(choice.get("finish_reason") or "")
    if not error and reason.lower() not in FAILURES:
        return None
    told = error.get("message") if isinstance(error, Mapping) else error
    native = beside.get("native_finish_reason")
    return to_storable(str(told or native or reason))[:_LONGEST_FAILURE]


def is_silent(choice: Mapping[str, Json], message: Json) -> bool:
    """Nothing that a person or a tool would hear of, and no word of why."""
    if end_of(choice.get("finish_reason")) not in ("stop", None):
        return False
    said = read_said(message)
    return not (said.text or said.refusal or said.calls)


@dataclass(slots=True)
class _Apart:
    """What parts of a content say that is no part of the text."""

    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def _texts(content: Json, apart: _Apart, levels: int) -> Iterator[str]:
    """The texts among the parts of a content."""
    parts = content if isinstance(content, list) else [content]
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping) and levels:
            kind = str(part.get("type"))
            inner = next((part[name] for name in _PART_FIELDS if part.get(name)), None)
            if kind in _THOUGHT_PARTS:
                apart.thoughts.extend(_texts(inner, _Apart(), levels - 1))
            elif kind == _REFUSAL_PART:
                apart.refusals.extend(_texts(inner, _Apart(), levels - 1))
            elif kind not in _SILENT_PARTS and inner is not None:
                yield from _texts(inner, apart, levels - 1)
            elif kind not in _SILENT_PARTS and kind != "text":
                log.warning("part of an answer left out", extra={"action": "part_left_out", "kind": kind[:80]})
        elif part is not None and not isinstance(part, Mapping | list):
            yield to_json_text(to_storable(part))


def _refusal(message: Mapping[str, Json]) -> str:
    beside = message.get("provider_specific_fields")
    given = message.get("refusal") or (beside.get("refusal") if isinstance(beside, Mapping) else None)
    return given if isinstance(given, str) else ""


def _calls(message: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    calls = message.get("tool_calls")
    if isinstance(calls, Mapping):
        calls = [calls]
    if isinstance(calls, list | tuple) and calls:
        yield from (call for call in calls if isinstance(call, Mapping))
    elif isinstance(message.get("function_call"), Mapping):
        # How calls looked before there could be several.
        yield {"function": message["function_call"]}


def _call_piece(call: Mapping[str, Json]) -> CallPiece:
    function, index, given_id = call.get("function"), call.get("index"), call.get("id")
    if not isinstance(function, Mapping):
        function = {}
    return CallPiece(
        index if isinstance(index, int) else None,
        given_id if isinstance(given_id, str) else "",
        _text(function.get("name")),
        _written(function.get("arguments")),
        _text(call.get("type")) or "function",
    )


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _written(arguments: Json) -> str:
    return (
        arguments if isinstance(arguments, str) else "" if arguments is None else to_json_text(to_storable(arguments))
    )


class Logprobs:
    """Those of one answer, as far as they came."""

    def __init__(self) -> None:
        self._lists: dict[str, list[Json]] = {}

    def add(self, given: Json) -> None:
        """Take those of a piece."""
        for name, words in (read_logprobs(given) or {}).items():
            if words is not None:
                self._lists.setdefault(name, []).extend(words)

    def whole(self) -> dict[str, Json] | None:
        """All of them; None if there are none."""
        return {name: self._lists.get(name) for name in _LISTS} if self._lists else None


def read_logprobs(given: Json) -> dict[str, Json] | None:
    """Those of an answer or of a piece of one; None where its provider tells none in the usual form."""
    lists = {name: given.get(name) for name in _LISTS} if isinstance(given, Mapping) else {}
    told = {name: words if isinstance(words, list) else None for name, words in lists.items()}
    if all(words is None for words in told.values()):
        return None
    return {name: None if words is None else _words(words) for name, words in told.items()}


def _words(words: list[Json]) -> list[Json]:
    return [
        {**plain, "top_logprobs": [other for other in map(_plain, _listed(word.get("top_logprobs"))) if other]}
        for word in _listed(to_storable(words))
        if (plain := _plain(word))
    ]


def _listed(words: Json) -> list[Mapping[str, Json]]:
    return [word for word in words if isinstance(word, Mapping)] if isinstance(words, list) else []


def _plain(word: Mapping[str, Json]) -> dict[str, Json]:
    """A part of a word, without what some providers add; nothing, if it is none."""
    token, logprob, given = word.get("token"), word.get("logprob"), word.get("bytes")
    if not isinstance(token, str) or not isinstance(logprob, int | float):
        return {}
    return {"token": token, "logprob": logprob, "bytes": given if isinstance(given, list) else None}
