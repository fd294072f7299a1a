"""Chunks of a streamed answer, in the form of the chat completions API, cut from a whole one."""

import re
from collections.abc import Iterator, Mapping, Sequence

from julep_project.core.json_value import Json

Chunk = dict[str, Json]

_WORDS = re.compile(r"\s*\S+\s*")
_ARGUMENT_PIECE = 24


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
