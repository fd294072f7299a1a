"""Pieces of a streamed answer, in the form of the chat completions API: cut from a whole answer, and put together."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Json = Any
Chunk = dict[str, Json]

_WORDS = re.compile(r"\s*\S+\s*")
_ARGUMENT_PIECE = 24
# Of a tool call's delta these come whole, once; arguments come in pieces.
_WHOLE_FIELDS = ("id", "type")


def chunk_of(origin: Mapping[str, Json], choices: Sequence[Mapping[str, Json]]) -> Chunk:
    """A chunk of the answer that has this id, model and time."""
    return {
        "id": origin.get("id"),
        "object": "chat.completion.chunk",
        "created": origin.get("created"),
        "model": origin.get("model"),
        "choices": [dict(choice) for choice in choices],
    }


def usage_chunk(origin: Mapping[str, Json], usage: Mapping[str, Json]) -> Chunk:
    """The last chunk: no words, what the call used."""
    return {**chunk_of(origin, ()), "usage": dict(usage)}


def cut(answer: Mapping[str, Json]) -> Iterator[Chunk]:
    """A whole answer word by word, each choice ended by its finish reason; without the chunk of the usage."""
    for choice in answer.get("choices") or ():
        index, message = choice.get("index", 0), choice.get("message") or {}
        for delta in _deltas(message):
            yield chunk_of(answer, [_piece(index, delta, None)])
        yield chunk_of(answer, [_piece(index, {}, choice.get("finish_reason") or "stop")])


def words_of(text: str) -> list[str]:
    """The words of a text with the white space around them; together they are the text."""
    # Looked for in white space alone, a word is sought from each place to the end.
    return [text] if text.isspace() else _WORDS.findall(text)


class AnswerBuilder:
    """Puts chunks together into the whole answer, as far as it came."""

    def __init__(self) -> None:
        self._origin: Chunk = {}
        self._choices: dict[int, Chunk] = {}
        self.usage: Mapping[str, Json] | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing was said yet."""
        return not self._choices

    def add(self, chunk: Mapping[str, Json]) -> None:
        """Take one more chunk."""
        if not self._origin:
            self._origin = {name: chunk.get(name) for name in ("id", "created", "model")}
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or ():
            self._add_choice(choice)

    def answer(self) -> dict[str, Json]:
        """A chat completion of what came until now. A choice that was cut off has no finish reason."""
        choices = [self._whole(index, built) for index, built in sorted(self._choices.items())]
        whole = {**self._origin, "object": "chat.completion", "choices": choices}
        return whole if self.usage is None else {**whole, "usage": dict(self.usage)}

    def _add_choice(self, choice: Mapping[str, Json]) -> None:
        built = self._choices.setdefault(
            choice.get("index") or 0, {"texts": {}, "thoughts": [], "calls": {}, "reason": None, "logprobs": []}
        )
        built["reason"] = choice.get("finish_reason") or built["reason"]
        built["logprobs"] += (choice.get("logprobs") or {}).get("content") or []
        delta = choice.get("delta") or {}
        for name in ("content", "reasoning_content", "refusal"):
            if isinstance(delta.get(name), str):
                built["texts"].setdefault(name, []).append(delta[name])
        for block in delta.get("thinking_blocks") or ():
            _add_thought(built["thoughts"], block)
        for call in delta.get("tool_calls") or ():
            _add_call(built["calls"], call)

    def _whole(self, index: int, built: Mapping[str, Json]) -> dict[str, Json]:
        texts = {name: "".join(pieces) for name, pieces in built["texts"].items()}
        message: Chunk = {"role": "assistant", "content": None, **texts}
        # One without its signature was cut off, and no provider takes it back.
        thoughts = [_whole_thought(block) for block in built["thoughts"] if _is_ended(block)]
        if thoughts:
            message["thinking_blocks"] = thoughts
        if built["calls"]:
            message["content"] = message["content"] or None
            message["tool_calls"] = [_whole_call(call) for _, call in sorted(built["calls"].items())]
        return {
            "index": index,
            "message": message,
            "content": message["content"],
            "finish_reason": built["reason"],
            "logprobs": {"content": built["logprobs"]} if built["logprobs"] else None,
        }


def assembled(chunks: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    """The whole answer these chunks are of."""
    builder = AnswerBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder.answer()


def _piece(index: int, delta: Mapping[str, Json], reason: str | None) -> Chunk:
    return {"index": index, "delta": dict(delta), "finish_reason": reason, "logprobs": None}


def _deltas(message: Mapping[str, Json]) -> Iterator[Chunk]:
    content = message.get("content")
    words = words_of(content) if isinstance(content, str) else []
    if words:
        yield {"role": "assistant", "content": words[0]}
    else:
        yield {"role": "assistant", "content": None}
    for word in words[1:]:
        yield {"content": word}
    for index, call in enumerate(message.get("tool_calls") or ()):
        yield from _call_deltas(index, call)


def _call_deltas(index: int, call: Mapping[str, Json]) -> Iterator[Chunk]:
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    opening = {**call, "index": index, "function": {"name": function.get("name"), "arguments": ""}}
    yield {"tool_calls": [opening]}
    for start in range(0, len(arguments), _ARGUMENT_PIECE):
        piece = {"arguments": arguments[start : start + _ARGUMENT_PIECE]}
        yield {"tool_calls": [{"index": index, "function": piece}]}


def _add_thought(blocks: list[Chunk], piece: Mapping[str, Json]) -> None:
    """A block ends with its signature; one that is encrypted comes whole, as `data`."""
    if not blocks or _is_ended(blocks[-1]) or piece.get("data"):
        blocks.append(dict(piece) if "thinking" not in piece else {**piece, "thinking": [piece["thinking"] or ""]})
        return
    last = blocks[-1]
    last.setdefault("thinking", []).append(piece.get("thinking") or "")
    if piece.get("signature"):
        last["signature"] = piece["signature"]


def _is_ended(block: Mapping[str, Json]) -> bool:
    return bool(block.get("signature") or block.get("data"))


def _whole_thought(block: Chunk) -> Chunk:
    return {**block, "thinking": "".join(block["thinking"])} if "thinking" in block else block


def _add_call(calls: dict[int, Chunk], delta: Mapping[str, Json]) -> None:
    position = delta.get("index")
    call = calls.setdefault(len(calls) if position is None else position, {"name": None, "arguments": []})
    for name in _WHOLE_FIELDS:
        call[name] = delta.get(name) or call.get(name)
    function = delta.get("function") or {}
    call["name"] = function.get("name") or call["name"]
    call["arguments"].append(function.get("arguments") or "")


def _whole_call(call: Mapping[str, Json]) -> Chunk:
    function = {"name": call["name"], "arguments": "".join(call["arguments"])}
    return {"id": call.get("id"), "type": call.get("type") or "function", "function": function}
