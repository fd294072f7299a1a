"""A model's answer in the form of the chat completions API, for the models that are ours."""

import hashlib
import time
from collections.abc import Mapping, Sequence

from agents.llm.request import ModelRequest, text_of
from julep_project.core.json_value import Json


def completion(request: ModelRequest, message: Mapping[str, Json], finish_reason: str | None = None) -> dict[str, Json]:
    """The answer whose single choice is this message. Words stand in for tokens."""
    whole = {"role": "assistant", "content": None, **message}
    reason = finish_reason or ("tool_calls" if whole.get("tool_calls") else "stop")
    asked = sum(len(text_of(sent).split()) for sent in request.messages)
    answered = len(text_of(whole).split())
    return {
        "id": f"chatcmpl-{_digest(request.messages)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [{"index": 0, "message": whole, "finish_reason": reason}],
        "usage": {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered},
    }


def _digest(messages: Sequence[Mapping[str, Json]]) -> str:
    return hashlib.sha256("\0".join(text_of(message) for message in messages).encode()).hexdigest()[:24]
