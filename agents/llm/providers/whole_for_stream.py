"""Answers that come whole though a stream was asked for: some gateways cannot do otherwise, and errors often come so.
They are told as the events that their provider would have sent, for readers who know nothing else."""

from collections.abc import Iterator, Mapping

from agents.llm.providers.mended_bodies import mended_whole
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.outside_json import read_foreign_json

_DONE = b"data: [DONE]\n\n"


def events_of(whole: bytes) -> Iterator[bytes]:
    """The events of a whole answer. What is no JSON is passed on as it is."""
    try:
        answer = read_foreign_json(mended_whole(whole))
    except ValueError:
        yield whole
        return
    if isinstance(answer, Mapping) and "done" in answer:  # a line of Ollama's
        yield to_json_text(answer).encode() + b"\n"
        return
    # Gemini sends its pieces as a list, where it was not asked for events.
    for part in answer if isinstance(answer, list) else [answer]:
        if isinstance(part, Mapping):
            yield from map(_event, _told(part))
    yield _DONE


def _event(data: Mapping[str, Json]) -> bytes:
    return b"data: " + to_json_text(data).encode() + b"\n\n"


def _told(answer: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    choices, blocks = answer.get("choices"), answer.get("content")
    if isinstance(choices, list):
        yield {**answer, "object": "chat.completion.chunk", "choices": [_piece(choice) for choice in choices]}
    elif answer.get("type") == "message" and isinstance(blocks, list):
        yield from _told_of_blocks(answer, blocks)
    else:
        yield answer


def _piece(choice: Json) -> Json:
    if not isinstance(choice, Mapping) or not isinstance(choice.get("message"), Mapping):
        return choice
    delta = dict(choice["message"])
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [
            {"index": place, **call} for place, call in enumerate(calls) if isinstance(call, Mapping)
        ]
    return {**{name: part for name, part in choice.items() if name != "message"}, "delta": delta}


def _told_of_blocks(message: Mapping[str, Json], blocks: list[Json]) -> Iterator[Mapping[str, Json]]:
    """Anthropic's message, block by block."""
    usage = message.get("usage") or {}
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None, "usage": usage}}
    for place, block in enumerate(block for block in blocks if isinstance(block, Mapping)):
        begun, deltas = _opened(block)
        yield {"type": "content_block_start", "index": place, "content_block": begun}
        yield from ({"type": "content_block_delta", "index": place, "delta": delta} for delta in deltas)
        yield {"type": "content_block_stop", "index": place}
    ended = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
    yield {"type": "message_delta", "delta": ended, "usage": usage}
    yield {"type": "message_stop"}


def _opened(block: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[Mapping[str, Json]]]:
    """A block as it begins, and what is added to it."""
    match block.get("type"):
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": block.get("text") or ""}]
        case "tool_use":
            arguments = to_json_text(block.get("input") or {})
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": arguments}]
        case "thinking":
            thought = {"type": "thinking_delta", "thinking": block.get("thinking") or ""}
            signed = {"type": "signature_delta", "signature": block.get("signature") or ""}
            return {**block, "thinking": "", "signature": ""}, [thought, signed]
    return block, []
