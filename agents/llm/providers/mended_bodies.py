"""Forms of answers that the client library refuses or loses, in those it knows, before it reads them.

Only bodies in which such a form can be are read; whatever is no JSON, or too much, is left for others to complain of.
"""

import re
from collections.abc import Iterator
from typing import Any

from agents.llm.pieces import without_thoughts
from agents.llm.said import read_said
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text, to_storable
from julep_project.core.reading.outside_json import read_json

_ODD_MESSAGE = re.compile(
    rb'"content"\s*:\s*\[|"reasoning"\s*:\s*"|<think(?:ing)?>|"role"\s*:\s*null|"tool_calls"\s*:\s*\[\s*null'
)
_OWN_USAGE = b'"x_groq"'
_TAG = re.compile(r"</?think>")
_TAG_BYTES = b"think>"


def mended_whole(content: bytes) -> bytes:
    """An answer whose content is one text, with the thoughts beside it."""
    has_no_role = b'"message"' in content and b'"role"' not in content
    if not has_no_role and not _ODD_MESSAGE.search(content):
        return content
    answer = _read(content)
    if not isinstance(answer, dict):
        return content
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict):
            _mend(choice["message"], "reasoning_content")
    if isinstance(answer.get("message"), dict):
        _mend(answer["message"], "thinking")
    return to_json_text(to_storable(answer)).encode()


def _mend(message: dict[str, Json], thoughts: str) -> None:
    message["role"] = message.get("role") or "assistant"
    if isinstance(message.get("tool_calls"), list):
        message["tool_calls"] = [call for call in message["tool_calls"] if isinstance(call, dict)]
    said = read_said(message)
    text, tagged = without_thoughts(said.text)
    if message.get("content"):
        message["content"] = text
    if said.refusal:
        message["refusal"] = said.refusal
    if said.thought or tagged:
        message[thoughts] = said.thought + tagged


def mended_lines(lines: bytes, *, are_events: bool) -> bytes:
    """Lines of a stream, with the usage where the library looks for it. Of lines that are no events, none has a whole
    tag around thoughts: the library takes away the tags, and not the thoughts."""
    mark = _OWN_USAGE if are_events else _TAG_BYTES
    if mark not in lines:
        return lines
    mend = _with_usage if are_events else _without_tags
    return b"".join(b"".join(mend(line)) if mark in line else line for line in lines.splitlines(keepends=True))


def _with_usage(line: bytes) -> Iterator[bytes]:
    chunk = _read(line.removeprefix(b"data:"))
    own = chunk.get("x_groq") if isinstance(chunk, dict) else None
    usage = own.get("usage") if isinstance(own, dict) else None
    if not isinstance(usage, dict) or chunk.get("usage"):
        yield line
        return
    yield b"data: " + to_json_text(to_storable({**chunk, "usage": usage})).encode() + b"\n"


def _without_tags(line: bytes) -> Iterator[bytes]:
    """Several lines for one, cut within the tags."""
    piece = _read(line)
    message: Json = piece.get("message") if isinstance(piece, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    tags = list(_TAG.finditer(content)) if isinstance(content, str) else []
    if not isinstance(content, str) or not tags or piece.get("done"):
        yield line
        return
    ends = [found.start() + 1 for found in tags]
    for start, end in zip([0, *ends], [*ends, len(content)], strict=True):
        yield to_json_text({**piece, "message": {**message, "content": content[start:end]}}).encode() + b"\n"
        message = {"role": message.get("role")}


def _read(text: bytes) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return None
