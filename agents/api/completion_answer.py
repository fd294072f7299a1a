"""Chat completions as they are told: in the published form, whatever a provider or the client library adds to it."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing

from julep_project.core.clock import now
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json

_BESIDE = ("service_tier", "system_fingerprint", "moderation")
# What a model thought is no part of the published form, and wanted back by those that think.
_SAID = ("annotations", "audio", "reasoning_content", "thinking_blocks")
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_DETAILS: Mapping[str, Iterable[str]] = {
    "prompt_tokens_details": ("audio_tokens", "cached_tokens", "cache_write_tokens"),
    "completion_tokens_details": (
        "accepted_prediction_tokens",
        "audio_tokens",
        "reasoning_tokens",
        "rejected_prediction_tokens",
    ),
}


def completion_of(answer: Mapping[str, Json], model: str) -> dict[str, Json]:
    """A whole answer of the gateway, which the model was asked for."""
    return {
        **_envelope(answer, "chat.completion", _ours(model)),
        "choices": [_choice(choice) for choice in answer["choices"]],
        "usage": usage_of(answer.get("usage") or {}),
    }


async def chunks_of(
    chunks: AsyncGenerator[Mapping[str, Json], None], model: str, *, wants_usage: bool
) -> AsyncGenerator[dict[str, Json], None]:
    """The chunks of a streamed one. Clients look into the first choice of every chunk, so one without any, which has
    the usage, comes only to those who want it; then each of the others says that it has none."""
    ours = _ours(model)
    async with aclosing(chunks):
        async for chunk in chunks:
            told = {**_envelope(chunk, "chat.completion.chunk", ours), "choices": chunk["choices"]}
            if wants_usage:
                usage = chunk.get("usage")
                yield {**told, "usage": usage_of(usage) if usage else None}
            elif chunk["choices"]:
                yield told


def usage_of(usage: Mapping[str, Json]) -> dict[str, Json]:
    """What a call used, as far as the published form says it."""
    told: dict[str, Json] = {name: usage.get(name) or 0 for name in _COUNTS}
    for name, parts in _DETAILS.items():
        details = usage.get(name)
        if isinstance(details, Mapping):
            told[name] = {part: details[part] for part in parts if details.get(part) is not None}
    return told


def _ours(model: str) -> dict[str, Json]:
    """What an answer says of itself, where its provider does not."""
    return {"id": f"chatcmpl-{uuid7().hex}", "created": int(now().timestamp()), "model": model}


def _envelope(answer: Mapping[str, Json], kind: str, ours: Mapping[str, Json]) -> dict[str, Json]:
    given = {name: answer.get(name) for name in ours}
    told = {name: given[name] if given[name] and type(given[name]) is type(ours[name]) else ours[name] for name in ours}
    beside = {name: answer[name] for name in _BESIDE if answer.get(name) is not None}
    return {"object": kind, **told, **beside}


def _choice(choice: Mapping[str, Json]) -> dict[str, Json]:
    message = choice.get("message") or {}
    calls = message.get("tool_calls")
    said = {name: message[name] for name in _SAID if message.get(name) is not None}
    return {
        "index": choice.get("index") or 0,
        "message": {
            "role": "assistant",
            "content": message.get("content"),
            "refusal": message.get("refusal"),
            **({"tool_calls": calls} if calls else {}),
            **said,
        },
        "finish_reason": choice.get("finish_reason"),
        "logprobs": choice.get("logprobs"),
    }
