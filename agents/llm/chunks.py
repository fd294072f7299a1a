"""Chunks of a streamed answer, in the form of the chat completions API."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from agents.llm.pieces import Piece
from agents.llm.said import read_logprobs
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_storable

Chunk = dict[str, Json]

_WORDS = re.compile(r"\s*\S+\s*")
_ARGUMENT_PIECE = 24
# What a provider says of how it answered.
OF_ORIGIN = ("moderation", "service_tier", "system_fingerprint")


def chunk_of(origin: Mapping[str, Json], choices: Sequence[Mapping[str, Json]]) -> Chunk:
    """A chunk of the answer that has this id, model and time."""
    beside = {name: origin[name] for name in OF_ORIGIN if origin.get(name) is not None}
    return {
        "id": origin.get("id"),
        "object": "chat.completion.chunk",
        "created": origin.get("created"),
        "model": origin.get("model"),
        **beside,
        "choices": [dict(choice) for choice in choices],
    }


def usage_chunk(origin: Mapping[str, Json], usage: Mapping[str, Json]) -> Chunk:
    """The last chunk: no words, what the call used."""
    return {**chunk_of(origin, ()), "usage": dict(usage)}


class Telling:
    """Tells an answer again, in chunks of one form, whatever form its own chunks had."""

    def __init__(self) -> None:
        self._has_begun = False

    def chunks(
        self, origin: Mapping[str, Json], pieces: Iterable[Piece], choice: Mapping[str, Json] | None = None
    ) -> Iterator[Chunk]:
        """The chunks of these pieces: one, unless they are of several kinds. The first also has what else the choice of
        the provider's chunk says."""
        beside = _beside(choice or {})
        deltas = _merged(pieces)
        if not deltas and ("logprobs" in beside or len(beside.get("delta", ()))):
            deltas = [{}]
        for delta in deltas:
            begun = {} if self._has_begun else {"role": "assistant"}
            self._has_begun = True
            told = {"index": 0, "delta": {**begun, **beside.get("delta", {}), **delta}, "finish_reason": None}
            yield chunk_of(origin, [{**told, "logprobs": beside.get("logprobs")}])
            beside = {}


def end_chunk(origin: Mapping[str, Json], reason: str | None) -> Chunk:
    """The chunk that says why the answer ends."""
    return chunk_of(origin, [_piece(0, {}, reason or "stop")])


# Of a provider's delta, beside what is told in our own form.
_BESIDE = ("annotations", "audio", "thinking_blocks")


def _beside(choice: Mapping[str, Json]) -> dict[str, Json]:
    delta = choice.get("delta")
    others = delta if isinstance(delta, Mapping) else {}
    kept = {name: others[name] for name in _BESIDE if others.get(name) is not None}
    beside: dict[str, Json] = {"delta": to_storable(kept)} if kept else {}
    logprobs = read_logprobs(choice.get("logprobs"))
    return beside if logprobs is None else {**beside, "logprobs": logprobs}


def _merged(pieces: Iterable[Piece]) -> list[dict[str, Json]]:
    """The deltas of some pieces; neighbours that fit into one are in one."""
    deltas: list[dict[str, Json]] = []
    for piece in pieces:
        delta = _delta_of(piece)
        if piece.call is not None and deltas and deltas[-1].keys() == {"tool_calls"}:
            deltas[-1]["tool_calls"].extend(delta["tool_calls"])
        else:
            deltas.append(delta)
    return deltas


_DELTAS = {"text": "content", "refusal": "refusal", "thought": "reasoning_content"}


def _delta_of(piece: Piece) -> dict[str, Json]:
    call = piece.call
    if call is None:
        return {_DELTAS[piece.kind]: piece.text}
    if piece.kind == "arguments":
        return {"tool_calls": [{"index": call.index, "function": {"arguments": piece.text}}]}
    function = {"name": call.name, "arguments": ""}
    return {"tool_calls": [{"index": call.index, "id": call.id, "type": call.type, "function": function}]}


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
    refusal = message.get("refusal")
    for word in words_of(refusal) if isinstance(refusal, str) else ():
        yield {"refusal": word}
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
