"""What Anthropic's API answers, for a web server on loopback that stands in for it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from julep_project.devservices.loopback import Reply

Block = dict[str, Any]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_USAGE = {"input_tokens": 3, "output_tokens": 3}


def claude_answers(content: Sequence[Block], reason: str, **fields: Any) -> Reply:
    """A whole message that ends for this reason."""
    return Reply(body={**_message(list(content), reason), **fields})


def claude_streams(content: Sequence[Block], reason: str, **fields: Any) -> Reply:
    """The same in events, each block in one piece."""
    message = {**_message([], None), **{name: value for name, value in fields.items() if name == "usage"}}
    events: list[Block] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(content):
        events.append({"type": "content_block_start", "index": index, "content_block": _begun(block)})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in _deltas(block)]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": reason, "stop_sequence": fields.get("stop_sequence")}
    events.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 3}})
    events.append({"type": "message_stop"})
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Reply(raw=[_HEAD, text.encode()])


def _begun(block: Block) -> Block:
    match block["type"]:
        case "thinking":
            return {**block, "thinking": "", "signature": ""}
        case "tool_use":
            return {**block, "input": {}}
        case "text":
            return {**block, "text": ""}
    return block


def _deltas(block: Block) -> Iterator[Block]:
    match block["type"]:
        case "thinking":
            yield {"type": "thinking_delta", "thinking": block["thinking"]}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        case "text":
            yield {"type": "text_delta", "text": block["text"]}


def _message(content: list[Block], reason: str | None) -> Block:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": _USAGE,
    }
