"""An answer of a model as a message of Anthropic's, whole or as events."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.llm.answer import Answer, Piece
from agents.llm.dialogue import UnreadableArguments, arguments_of
from agents.llm.usage import token_count
from julep_project.core.errors import ModelUnavailable
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json

Event = dict[str, Json]
Block = dict[str, Json]

_NO_THOUGHT: Block = {"type": "thinking", "thinking": "", "signature": ""}
_STOPS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}


class Telling:
    """One answer, put together by whoever asks, and told as it arrives."""

    def __init__(self, model: str, *, shows_thoughts: bool) -> None:
        self.answer = Answer()
        self._id = f"msg_{uuid7().hex}"
        self._model = model
        self._shows_thoughts = shows_thoughts
        self._index = -1
        self._open: str | None = None
        self._signed = 0
        self._has_begun = False

    def whole(self) -> Block:
        """The message, once all of it is there.

        Raises:
            ModelUnavailable: a call in it cannot be read.
        """
        return {**self._message(list(self._content())), **self._end(), "usage": _usage(self.answer.usage or {})}

    def events(self, pieces: Iterable[Piece]) -> Iterator[Event]:
        """What some more pieces of the answer add to it."""
        if not self._has_begun:
            self._has_begun = True
            yield {"type": "message_start", "message": self._message([])}
            yield {"type": "ping"}
        for piece in pieces:
            yield from self._told(piece)
        yield from self._signatures()

    def end(self) -> Iterator[Event]:
        """The events after the last piece."""
        yield from self._signatures()
        yield from self._close()
        usage = _usage(self.answer.usage or {})
        counted = {name: usage[name] for name in _COUNTED}
        yield {"type": "message_delta", "delta": {"container": None, **self._end()}, "usage": counted}
        yield {"type": "message_stop"}

    def _told(self, piece: Piece) -> Iterator[Event]:
        if piece.kind == "thought":
            if self._shows_thoughts:
                yield from self._in_block(_NO_THOUGHT)
                yield self._delta({"type": "thinking_delta", "thinking": piece.text})
        elif piece.call is None:
            yield from self._signatures()
            yield from self._in_block({"type": "text", "text": "", "citations": None})
            yield self._delta({"type": "text_delta", "text": piece.text})
        elif piece.kind == "call":
            yield from self._signatures()
            yield from self._close()
            yield from self._in_block({"type": "tool_use", "id": piece.call.id, "name": piece.call.name, "input": {}})
        else:
            yield self._delta({"type": "input_json_delta", "partial_json": piece.text})

    def _signatures(self) -> Iterator[Event]:
        """Blocks of thoughts that have ended: with a signature, or hidden as a whole."""
        for block in map(_thought, self.answer.signed_thoughts(self._signed)):
            self._signed += 1
            if "data" in block:
                yield from self._close()
                yield from self._in_block(block)
            else:
                yield from self._in_block(_NO_THOUGHT)
                yield self._delta({"type": "signature_delta", "signature": block["signature"]})
            yield from self._close()

    def _in_block(self, block: Block) -> Iterator[Event]:
        """Begin a block, unless one of its kind is open."""
        if self._open == block["type"]:
            return
        yield from self._close()
        self._open = str(block["type"])
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _close(self) -> Iterator[Event]:
        if self._open is not None:
            self._open = None
            yield {"type": "content_block_stop", "index": self._index}

    def _delta(self, delta: Block) -> Event:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _content(self) -> Iterator[Block]:
        answer = self.answer
        signed = [_thought(block) for block in answer.signed_thoughts()]
        unsigned = [{**_NO_THOUGHT, "thinking": answer.thoughts}] if answer.thoughts and not signed else []
        for block in (*signed, *unsigned):
            if self._shows_thoughts:
                yield block
            elif block in signed:
                yield {**block, "thinking": ""} if "thinking" in block else block
        if text := answer.text + answer.refusal:
            yield {"type": "text", "text": text, "citations": None}
        for call in answer.calls:
            yield self._tool_use(call)

    def _tool_use(self, call: Mapping[str, Any]) -> Block:
        """A call. What was cut off in the middle of its arguments has none."""
        name = call["function"]["name"]
        try:
            arguments = arguments_of(call)
        except UnreadableArguments as error:
            if not self.answer.is_cut:
                raise ModelUnavailable(f"the model called {name!r} with what cannot be read: {error}") from error
            arguments = {}
        return {"type": "tool_use", "id": call["id"], "name": name, "input": arguments}

    def _message(self, content: list[Block]) -> Block:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self.answer.origin.get("model") or self._model,
            "content": content,
            "container": None,
            "diagnostics": None,
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": _usage({}),
        }

    def _end(self) -> Block:
        refusal, stop_sequence = self.answer.refusal, self.answer.stop_sequence
        reason = "refusal" if refusal else _STOPS[self.answer.finish_reason or "stop"]
        if reason == "end_turn" and stop_sequence is not None:
            reason = "stop_sequence"
        details = {"type": "refusal", "category": None, "explanation": refusal or None}
        return {
            "stop_reason": reason,
            "stop_sequence": stop_sequence if reason == "stop_sequence" else None,
            "stop_details": details if reason == "refusal" else None,
        }


def _thought(block: Mapping[str, Json]) -> Block:
    """A block of thoughts, signed, or hidden as a whole."""
    if block.get("data"):
        return {"type": "redacted_thinking", "data": block["data"]}
    return {"type": "thinking", "thinking": block.get("thinking") or "", "signature": block["signature"]}


_COUNTED = (
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "input_tokens",
    "output_tokens",
    "output_tokens_details",
    "server_tool_use",
)


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What a call used. Prompts that were kept, or are now, are counted apart from the rest."""
    asked, answered = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    read = token_count(usage.get("cache_read_input_tokens")) or _detail(asked, "cached_tokens")
    made = token_count(usage.get("cache_creation_input_tokens")) or _detail(asked, "cache_creation_tokens")
    thought = _detail(answered, "reasoning_tokens")
    return {
        "cache_creation": None,
        "cache_creation_input_tokens": made,
        "cache_read_input_tokens": read,
        "inference_geo": None,
        "input_tokens": max(token_count(usage.get("prompt_tokens")) - read - made, 0),
        "output_tokens": token_count(usage.get("completion_tokens")),
        "output_tokens_details": {"thinking_tokens": thought} if thought else None,
        "server_tool_use": None,
        "service_tier": None,
        "speed": None,
    }


def _detail(details: Any, name: str) -> int:
    return token_count(details.get(name)) if isinstance(details, Mapping) else 0
